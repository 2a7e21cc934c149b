#pragma once
// What the browser has been told: a private copy of the display's pixels as they were last captured. The framebuffer is the sandbox's and
// changes at any moment; each of its pixels is read into this copy once, and everything that is sent is made from the copy. What the copy
// says and what the browser shows differ only where the grid says so (CELL_CHANGED: not sent yet; CELL_LOSSY: sent as video).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/grid.h"
#include "streaming/image.h"

// The pixels of a changed cell that differ from what they were: exclusive right and bottom, inside the cell.
struct extent {
    uint8_t left, top, right, bottom;
};

struct screen {
    struct image shown;
    uint8_t *pixels; // of `shown`
    uint8_t *row;    // one row, just read
    struct extent *extents;
    uint16_t *costs; // what a changed cell will about take without loss, bytes
};

int screen_init(struct screen *s, const struct grid *grid);
void screen_finish(struct screen *s);

// Moves pixels within the copy as the browser will, and with them what the grid knows of them; the target becomes CELL_DAMAGED, so that
// screen_take() mends whatever the copy got wrong.
void screen_copy(struct screen *s, struct grid *grid, const struct copy_rectangle *copy, uint32_t now_ms);

// Reads the damaged cells of `live`. Those that differ from the copy become CELL_CHANGED (and CELL_RICH when they look like a photograph
// rather than like text); CELL_DAMAGED is cleared everywhere.
void screen_take(struct screen *s, const struct image *live, struct grid *grid);

// The smallest rectangle around the changed pixels inside `rectangle`, which must have some.
struct rectangle screen_trim(const struct screen *s, const struct grid *grid, struct rectangle rectangle);
