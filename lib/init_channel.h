#pragma once
// The channel between sandboxd and sandbox-init (pid 1 of a sandbox; fd 3). sandboxd treats every message of
// sandbox-init as hostile: it shares the sandbox with the user's programs. The end of either process ends the
// sandbox.

#include <stdint.h>

#include "lib/command_words.h"
#include "lib/ipc.h"

#define INIT_CHANNEL_FD 3
#define X_COOKIE_SIZE 16

enum init_kind {
    // sandboxd to sandbox-init
    INIT_START_DESKTOP =
        1,     // with one descriptor: the framebuffer memfd, sealed against any change of its size
    INIT_BIND, // to a parked one: the owner's home is there
    INIT_RUN,  // to one without a desktop: executes this, once
    INIT_SOUND, // one more viewer may listen; with one descriptor: the sandbox's end of its socket (lib/sound.h)
    // sandbox-init to sandboxd
    INIT_DISPLAY_LISTENING = 64, // with one descriptor: O_PATH of the X server's listening socket
    INIT_DESKTOP_READY,          // the window manager is up
    INIT_FAILED,                 // the desktop could not be started
    INIT_DISPLAY_ENDED,          // the X server or the window manager is gone for good: the sandbox is over
    INIT_BOUND,                  // answers BIND: it is the owner's desktop
};

struct init_start_desktop {
    uint32_t width_max; // of the framebuffer
    uint32_t height_max;
    uint32_t width; // that the desktop begins with, at most the maximum
    uint32_t height;
    uint32_t parked; // 1: nothing is started that needs the home until BIND
    uint8_t cookie[X_COOKIE_SIZE];
};

struct init_failed {
    uint32_t stage; // enum start_stage: START_DISPLAY or START_WINDOW_MANAGER
    int32_t error;  // positive errno
};

struct init_display_ended {
    int32_t status; // as waitpid(2)
};

struct init_message {
    uint32_t kind;
    union {
        struct init_start_desktop start_desktop;
        struct command_words run;
        struct init_failed failed;
        struct init_display_ended display_ended;
    };
};

enum init_side { INIT_SIDE_SANDBOXD, INIT_SIDE_INIT };

// As the functions of sandboxd_channel.h.
size_t init_message_size(uint32_t kind);
int init_message_decode(const void *data, size_t length, size_t fd_count, enum init_side sender,
                        struct init_message *ret_message);
int init_message_send(int socket, const struct init_message *message, enum init_side sender, int fd);
