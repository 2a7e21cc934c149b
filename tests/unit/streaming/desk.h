#pragma once
// Both ends of the clipboard: a program of the sandbox that has copied something, or pastes, honest and not; and the browser's clipboard.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scene.h"

enum manner { HONEST, IN_STEPS, ENDLESS, SILENT, DIES, NO_TARGETS };

struct desk {
    struct scene *scene;
    xcb_window_t window;
    enum manner manner;
    const char *target; // that it gives
    const uint8_t *bytes;
    size_t length, given;
    xcb_window_t requestor; // being served in steps
    xcb_atom_t property;
    unsigned requests;
    uint8_t *browser; // what the browser has got
    size_t browser_length, browser_total;
    unsigned browser_type, begun, refused, taken_messages;
    uint32_t browser_transfer;
    uint32_t taken;
    bool quiet; // the browser takes nothing
};

// Opens the scene; the browser's clipboard (`browser`) is the caller's.
void desk_open(struct desk *d, struct scene *s);
xcb_atom_t desk_atom(struct desk *d, const char *name);

// The program copies.
void desk_own(struct desk *d, const void *bytes, size_t length);
// Pastes as a program does; the bytes are the caller's. NULL when the owner has nothing of that kind.
uint8_t *desk_paste(struct desk *d, const char *target, size_t *ret_length);
void desk_assert_paste(struct desk *d, const char *target, const void *bytes, size_t length);

// The browser sends a clipboard message.
void desk_send(struct desk *d, unsigned step, unsigned type, uint32_t transfer, uint32_t value,
               const void *data, size_t length);
// Gives the browser's clipboard, in pieces.
void desk_give(struct desk *d, unsigned type, uint32_t transfer, const void *bytes, size_t length);
bool desk_browser_has(const struct desk *d, const void *bytes, size_t length);

// One moment of both sides. false when nothing came from the stream in it.
bool desk_step(struct desk *d, int timeout_ms);
#define WAIT_FOR(condition)                                                                                  \
    for (unsigned waited_ = 0; !(condition);) {                                                              \
        if (!desk_step(d, 5))                                                                                \
            waited_++;                                                                                       \
        if (waited_ > RIG_PATIENCE_MS / 5)                                                                   \
            fail_msg("no %s", #condition);                                                                   \
    }

uint8_t *desk_bytes(size_t length);
