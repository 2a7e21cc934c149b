#pragma once
// The pointer's picture, which the browser draws itself.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/display.h"
#include "streaming/outbox.h"

// Animated pointers change at most this often.
#define CURSOR_INTERVAL_US UINT64_C(33000)

struct cursor {
    bool changed;
    bool requested;
    unsigned sequence;
    uint64_t next_us; // no request before
};

// Asks to be told of changes, and for the first picture.
void cursor_init(struct cursor *c, struct display *display);
// Asks for the changed picture; the caller flushes.
void cursor_request(struct cursor *c, struct display *display, uint64_t now_us);
// Puts the picture that was asked for into the outbox. 0, -EAGAIN when it is not there yet, -EPROTO when it
// makes no sense.
int cursor_receive(struct cursor *c, struct display *display, struct outbox *outbox);

// A picture as the X server hands it out: width * height premultiplied ARGB pixels.
struct cursor_image {
    uint16_t width, height, hot_x, hot_y;
    const uint32_t *pixels;
};
// Writes the cursor message; a picture larger than CURSOR_SIDE_MAX is cut at its right and bottom.
void cursor_write(struct writer *w, const struct cursor_image *image);
