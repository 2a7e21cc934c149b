#pragma once
// Two private pictures of the display: as it was last captured, and as the browser has been told. The framebuffer is the sandbox's and changes
// at any moment: each pixel of an update is read once, and everything that is sent is made from what was read. Between two updates the
// pictures are the same, and what the browser shows differs only where the grid says so (CELL_LOSSY: sent as video).

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
    struct image captured, shown;
    uint8_t *captured_pixels, *shown_pixels;
    struct extent *extents;
    uint16_t *costs; // what a changed cell will about take without loss, bytes
};

int screen_init(struct screen *s, const struct grid *grid);
void screen_finish(struct screen *s);

// Reads the damaged cells of the framebuffer.
void screen_capture(struct screen *s, const struct image *live, const struct grid *grid);

// Moves pixels of `shown` as the browser will, and with them what the grid knows of them; the target becomes CELL_DAMAGED, so that
// screen_take() mends whatever the copy got wrong.
void screen_copy(struct screen *s, struct grid *grid, const struct copy_rectangle *copy, uint32_t now_ms);

// Makes `shown` what was captured. Damaged cells that differ become CELL_CHANGED (and CELL_RICH when they look like a photograph rather than
// like text); CELL_DAMAGED is cleared everywhere.
void screen_take(struct screen *s, struct grid *grid);

// The smallest rectangle around the changed pixels inside `rectangle`, which must have some.
struct rectangle screen_trim(const struct screen *s, const struct grid *grid, struct rectangle rectangle);
