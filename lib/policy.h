#pragma once
// What a desktop's template permits. It is decided once, when the sandbox is made, and stays with it: sandbox-server keeps it in
// the row, sandboxd with the sandbox, and each of its streamers is started with the part that a streamer enforces.

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"

struct stream_policy {
    uint32_t clipboard_to_sandbox; // bytes, at most CLIPBOARD_MAX; 0: the viewer's clipboard stays outside
    uint32_t clipboard_to_browser; // the other way
    uint16_t width_max;            // that a viewer may ask for
    uint16_t height_max;
    uint8_t sound;      // 1: a viewer may listen
    uint8_t microphone; // 1: a viewer who controls may speak
    uint8_t reserved[2];
};

enum recording_mode { RECORDING_OFF, RECORDING_ALLOWED, RECORDING_REQUIRED };
enum sharing { SHARING_OFF, SHARING_VIEW, SHARING_CONTROL };

struct policy {
    struct stream_policy stream;
    enum recording_mode recording;
    enum sharing sharing;
};

// Of a template of the configuration.
struct policy policy_of(const struct config *config, unsigned template_index);
// Within its maximums, switches 0 or 1, reserved bytes 0.
bool stream_policy_valid(const struct stream_policy *policy);

const char *recording_mode_name(enum recording_mode mode);
const char *sharing_name(enum sharing sharing);
// -1 for any other word.
int recording_mode_of(const char *name);
int sharing_of(const char *name);
