#pragma once
// What sandboxd takes from the configuration, checked and completed.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/config.h"
#include "lib/isolation.h"
#include "lib/limits.h"
#include "lib/sandboxd_channel.h"

#define SETTINGS_PATH_MAX 1200

struct settings {
    const struct config *config; // borrowed
    char program_dir[SETTINGS_PATH_MAX];
    char desktop_dir[SETTINGS_PATH_MAX]; // PROGRAM_DIR/../share/sandbox-server/desktop
    const char *socket;
    const char *storage;
    int listener;       // the passed one, the daemon's from its start on; -1: made from `socket`
    int64_t client_uid; // -1: none besides the own and root
    uint32_t uid_base;
    unsigned sandbox_maximum;
    unsigned tick_us;   // 0: no tick
    uint64_t start_ns;              // that a start may take
    struct sandbox_limits limits;   // the most that one sandbox gets
    uint32_t width, height;         // of the display at its start
    uint32_t width_max, height_max; // at least as large
    bool required[LAYER_COUNT];
};

// `listener` is the socket that the starter made (lib/activation.h), -1 for none: it belongs to who may command, unless
// SANDBOXD_CLIENT_UID says otherwise. 0, or -EINVAL with one line for the operator.
int settings_init(struct settings *settings, const struct config *config, int listener,
                  struct config_error *ret_error);
// The directory of the program that runs. 0 or -errno.
int settings_own_directory(char path[static SETTINGS_PATH_MAX]);
// SANDBOX_LAYERS_REQUIRED: layer names separated by commas, or all. -EINVAL with an unknown name.
int settings_parse_layers(const char *text, bool required[static LAYER_COUNT]);
