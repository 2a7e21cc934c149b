#pragma once
// The pointer's picture, which the stream sends beside the display's: a browser has its own cursor.

#include <stdbool.h>

#include "export/pixels.h"

struct cursor {
    uint16_t width, height, hot_x, hot_y; // 0 x 0: hidden
    uint8_t *pixels;                      // RGBA, straight alpha
    bool placed;                          // somebody's pointer has been seen
    uint16_t x, y;
    uint8_t *under;         // what the display shows there, while it is drawn
    struct rectangle drawn; // empty: it is not
};

// A zeroed one may be finished.
int cursor_init(struct cursor *cursor);
void cursor_finish(struct cursor *cursor);
// What is behind a message's head, exactly. -EPROTO, -ENOMEM.
int cursor_read(struct cursor *cursor, struct reader *r);
// Draws it into a picture of that size, as far as it lies inside; and takes it away again.
void cursor_draw(struct cursor *cursor, struct surface surface, unsigned width, unsigned height);
void cursor_undraw(struct cursor *cursor, struct surface surface);
