#pragma once
// The display of a sandbox as sandboxd holds it: framebuffer, cookie, and the way to its X server.

#include <stdbool.h>
#include <stdint.h>

#include "lib/init_channel.h"
#include "sandbox/daemon/settings.h"

struct desktop {
    uint32_t width_max, height_max; // of the framebuffer
    uint32_t width, height;         // that it begins with
    int framebuffer;                // memfd of the exact size, sealed against any change of it
    int display;                    // O_PATH of the X server's socket, or -1
    uint8_t cookie[X_COOKIE_SIZE];
};

// On failure nothing is held. The maximums are at least the size.
int desktop_init(struct desktop *desktop, const struct settings *settings);
void desktop_finish(struct desktop *desktop);
// Tells sandbox-init to start it; parked: up to the window manager, which waits for its owner.
int desktop_send_start(const struct desktop *desktop, int channel, bool parked);
// Takes the socket that sandbox-init passed, if it is one. -EPROTO otherwise or when there is one already;
// the descriptor stays the caller's then.
int desktop_take_display(struct desktop *desktop, int fd);
// A connection to the X server. Never blocks: a server that does not accept gives -EAGAIN.
int desktop_connect(const struct desktop *desktop, int *ret_fd);
// The framebuffer, read only.
int desktop_open_framebuffer(const struct desktop *desktop, int *ret_fd);
