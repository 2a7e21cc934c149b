#pragma once
// The display as the browser has been told. The framebuffer is the sandbox's and changes at any moment: nothing is sent but from this private picture,
// so that both stay the same whatever is drawn meanwhile. Each pixel is read once for it; looking for motion only compares, and what changes
// behind its back is new damage. What the browser shows differs only where the grid says so (CELL_LOSSY: sent as video).

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
    uint8_t *shown_pixels;
    struct extent *extents;
    uint16_t *costs; // what a changed cell will about take without loss, bytes
};

int screen_init(struct screen *s, const struct grid *grid);
void screen_finish(struct screen *s);

// Moves pixels as the browser will, and with them what the grid knows of them. Cells that the target covers whole are no longer CELL_DAMAGED nor CELL_CHOSEN: the
// framebuffer was compared with them when the copy was chosen, after the damage was asked for. Those that it touches are CELL_DAMAGED.
void screen_copy(struct screen *s, struct grid *grid, const struct copy_rectangle *copy, uint32_t now_ms);

// The same for a copy that has not been compared yet: each row of pixels is compared with the framebuffer and moved while it is at hand, up to the first that
// is another one. What was moved stays in `copy`. Returns whether that is anything.
bool screen_follow(struct screen *s, const struct image *live, struct grid *grid, struct copy_rectangle *copy,
                   uint32_t now_ms);

// Reads the damaged cells of the framebuffer. Those that differ become CELL_CHANGED (and CELL_RICH when they look like a photograph rather than
// like text); CELL_DAMAGED is cleared everywhere.
void screen_take(struct screen *s, const struct image *live, struct grid *grid);

// The smallest rectangle around the changed pixels inside `rectangle`, which must have some.
struct rectangle screen_trim(const struct screen *s, const struct grid *grid, struct rectangle rectangle);
