#pragma once
// The display as a map of macroblocks (16 x 16 pixels): what has changed, and what the browser has so far
// only seen in lossy form. Rectangles from the X server are clamped on their way in; rectangles on their way
// out are never empty and lie inside the display.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/wire.h"

#define MACROBLOCK 16u

enum cell_flag {
    CELL_DAMAGED = 1, // the X server has drawn there since it was last looked at
    CELL_LOSSY = 2,   // the browser shows a lossy picture of it
    CELL_CHOSEN = 4,  // picked out for what is being done: a search, a repair
    CELL_CHANGED = 8, // its pixels are new and not sent yet
    CELL_RICH = 16,   // its pixels look like a photograph's: dear without loss
    CELL_VIDEO = 32,  // goes into the video frame being made
};

struct grid {
    uint16_t width, height; // of the display, pixels
    uint16_t columns, rows;
    size_t count;
    uint8_t *cells;    // enum cell_flag bits
    uint32_t *changed; // ms; when the cell was last sent because it had changed
    uint8_t *streaks;  // how many updates have changed the cell in quick succession
    uint8_t *scratch;
    size_t lossy; // cells with CELL_LOSSY
    // Around what the X server has drawn since motion was last looked for, to the pixel.
    struct rectangle drawn;
};

// The first of the cells from `at` to `end` that carries one of the flags, or `end`. Eight at a time: a map of a whole display is looked through
// several times for each update, and most of it is empty.
static inline size_t grid_next(const uint8_t *cells, size_t at, size_t end, uint8_t flags)
{
    const uint64_t mask = flags * UINT64_C(0x0101010101010101);
    for (uint64_t eight; at + sizeof(eight) <= end; at += sizeof(eight)) {
        memcpy(&eight, cells + at, sizeof(eight));
        if (eight & mask)
            return at + (size_t)__builtin_ctzll(eight & mask) / 8;
    }
    while (at < end && !(cells[at] & flags))
        at++;
    return at;
}

int grid_init(struct grid *g, uint16_t width, uint16_t height);
void grid_finish(struct grid *g);

// A rectangle in untrusted coordinates, cut to the display. false when nothing is left of it.
bool grid_clamp(const struct grid *g, int32_t x, int32_t y, uint32_t width, uint32_t height,
                struct rectangle *ret_rectangle);

// Sets or clears flags on every cell that the rectangle (inside the display) touches.
void grid_set(struct grid *g, struct rectangle rectangle, uint8_t flags);
void grid_clear(struct grid *g, struct rectangle rectangle, uint8_t flags);
void grid_set_all(struct grid *g, uint8_t flags);
void grid_clear_all(struct grid *g, uint8_t flags);
// How many cells that the rectangle touches have one of the flags.
size_t grid_count(const struct grid *g, struct rectangle rectangle, uint8_t flags);
// Clears flags on the cells that lie in the rectangle with all of their pixels.
void grid_clear_within(struct grid *g, struct rectangle rectangle, uint8_t flags);
// What a copy does to what is known of the browser's picture: lossy pixels stay lossy where they go.
void grid_move(struct grid *g, const struct copy_rectangle *copy, uint32_t now_ms);
// Notes that the cells were sent because they had changed.
void grid_stamp(struct grid *g, struct rectangle rectangle, uint32_t now_ms);

// Covers all cells that carry `flag` with at most `maximum` (up to RECTANGLES_MAX) macroblock-aligned rectangles, cut to the
// display. They do not overlap. They may cover other cells too where that is what it takes to stay under the
// maximum. Returns how many there are.
size_t grid_rectangles(const struct grid *g, uint8_t flag, size_t maximum, struct rectangle *ret_rectangles);

// The smallest rectangle of cells, cut to the display, around all that carry `flag`; empty when there are none.
struct rectangle grid_bounds(const struct grid *g, uint8_t flag);

// Chooses (CELL_CHOSEN) up to `maximum` lossy cells, in raster order, that have been still since `before_ms`,
// and returns how many.
size_t grid_choose_repair(struct grid *g, uint32_t before_ms, size_t maximum);

// Sets aside (CELL_CHOSEN instead of CELL_DAMAGED) the damaged cells of moving pictures. false, with nothing set aside, when the
// others are none or more than `maximum`.
bool grid_set_aside(struct grid *g, size_t maximum);
// What was set aside is damaged again.
void grid_put_back(struct grid *g);

// Changes that follow within so many milliseconds belong to one streak.
#define STREAK_MS 250u

size_t rectangles_area(const struct rectangle *rectangles, size_t count);
// The smallest one around both; an empty one adds nothing.
struct rectangle rectangles_union(struct rectangle a, struct rectangle b);
