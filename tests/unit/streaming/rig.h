#pragma once
// A real X server with its framebuffer in a sealed memfd, a real sandbox-streamer beside it, and the
// browser's end of the stream.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xcb/xcb.h>

#include "lib/streamer_channel.h"

#define RIG_PATIENCE_MS 10000 // a test that waits longer has failed

struct rig {
    char directory[64];
    pid_t server, streamer;
    int stream;      // the browser's end
    int sound;       // the recorder's end
    int framebuffer; // memfd
    int errors;      // the streamer's stderr, read end
    const uint8_t *pixels;
    struct streamer_start start;
    char socket_path[64];
    xcb_connection_t *drawer; // a client that draws
    xcb_screen_t *screen;
    xcb_gcontext_t gc;
    unsigned reports; // to sandbox-server, and what they said
    unsigned reported_video, reported_lossless;
};

// Starts the X server and connects the drawer. Aborts on failure: a test cannot go on then.
void rig_start(struct rig *r, uint32_t width, uint32_t height);
// Starts sandbox-streamer with r->start, on a connection to the X server or, when not -1, on `display` (taken
// over).
void rig_attach(struct rig *r, int display);
void rig_finish(struct rig *r);
// Kills the X server alone.
void rig_end_server(struct rig *r);

void rig_send(struct rig *r, const void *message, size_t length);
// Waits for one message of at most `capacity` bytes; its length, 0 when the streamer has closed the stream,
// -1 when nothing came within timeout_ms.
ssize_t rig_receive(struct rig *r, void *message, size_t capacity, int timeout_ms);
// Waits for the streamer's end and returns its wait status.
int rig_wait(struct rig *r);
// What the streamer has written to stderr, NUL-terminated.
void rig_errors(struct rig *r, char *text, size_t capacity);

void rig_fill(struct rig *r, uint32_t colour, int x, int y, unsigned width, unsigned height);
// A picture that video can only show in lossy form; `seed` makes it another one.
void rig_noise(struct rig *r, uint32_t seed, int x, int y, unsigned width, unsigned height);
void rig_synchronise(struct rig *r);
bool rig_key_is_down(struct rig *r, uint8_t keycode);
bool rig_button_is_down(struct rig *r, unsigned button);
