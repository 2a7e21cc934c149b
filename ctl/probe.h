#pragma once
// What sandboxd finds on this machine: `sandboxd --probe` prints a line of name, state and detail, between tabs, for each
// isolation layer and for the foundation.

#include <stddef.h>

#include "lib/isolation.h"

#define PROBE_TEXT_MAX 16384
#define PROBE_DEADLINE_MS 15000
#define PROBE_USER "sandboxd" // who runs it when this program is run by root

// How root runs it: in its own control group, or in one that systemd delegates to a unit made for it.
enum probe_manner { PROBE_AS_USER, PROBE_AS_UNIT };

struct probe_rows {
    struct layer_report layers[LAYER_COUNT];
    struct layer_report foundation; // what sandboxes for commands are copied from
};

// Runs it (with --config when config_path is not NULL) and reads what it prints; its stderr is this
// program's. 0, -EPROTO when a line is none of ours or one is not told, -ETIMEDOUT, -ENOENT when there is
// no such program, or another -errno.
int probe_run(const char *program, const char *config_path, enum probe_manner manner,
              struct probe_rows *ret_rows);

// Reads its output; NUL-terminated, overwritten. 0 or -EPROTO.
int probe_parse(char *text, struct probe_rows *ret_rows);
