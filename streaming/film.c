#include "streaming/film.h"

// What is no photograph goes without loss up to this many times the bytes that the pace allows: video would need more of them for text.
#define PLAIN_EXCESS 4u
// Photographic cells that so many updates in a row have changed are playing.
#define PLAYING_STREAK 2u
// A film is at least so many of them, and this part of what changes within its bounds.
#define FILM_CELLS_MIN 12u
#define FILM_SHARE 4u

// The next changed cell.
static size_t next_changed(const struct grid *g, size_t cell)
{
    return grid_next(g->cells, cell, g->count, CELL_CHANGED);
}

static bool inside(const struct grid *g, size_t cell, struct rectangle r)
{
    size_t x = cell % g->columns * MACROBLOCK, y = cell / g->columns * MACROBLOCK;
    return x >= r.x && y >= r.y && x < (size_t)r.x + r.width && y < (size_t)r.y + r.height;
}

// Text may have a cell that looks like a photograph, but no two beside it.
static bool has_company(const struct grid *g, size_t cell)
{
    size_t column = cell % g->columns;
    unsigned company = 0;
    if (column > 0)
        company += (g->cells[cell - 1] & CELL_RICH) != 0;
    if (column + 1 < g->columns)
        company += (g->cells[cell + 1] & CELL_RICH) != 0;
    if (cell >= g->columns)
        company += (g->cells[cell - g->columns] & CELL_RICH) != 0;
    if (cell + g->columns < g->count)
        company += (g->cells[cell + g->columns] & CELL_RICH) != 0;
    return company >= 2;
}

static bool is_playing(const struct grid *g, size_t cell, uint32_t now_ms)
{
    return (g->cells[cell] & CELL_RICH) && g->streaks[cell] >= PLAYING_STREAK &&
           now_ms - g->changed[cell] < STREAK_MS && has_company(g, cell);
}

// What the changed cells that are not CELL_VIDEO yet will take without loss, about; those that carry `flags` become CELL_VIDEO first.
static size_t divide(struct grid *g, const uint16_t *costs, uint8_t flags)
{
    size_t bytes = 0;
    for (size_t cell = next_changed(g, 0); cell < g->count; cell = next_changed(g, cell + 1)) {
        if (g->cells[cell] & flags)
            g->cells[cell] |= CELL_VIDEO;
        if (!(g->cells[cell] & CELL_VIDEO))
            bytes += costs[cell];
    }
    return bytes;
}

// Finds photographs that keep changing. Where they are but a few of what changes around them, it is no film.
static void find_film(struct grid *g, uint32_t now_ms)
{
    size_t playing = 0, among = 0;
    for (size_t cell = next_changed(g, 0); cell < g->count; cell = next_changed(g, cell + 1)) {
        if (is_playing(g, cell, now_ms)) {
            g->cells[cell] |= CELL_VIDEO;
            playing++;
        }
    }
    if (playing == 0)
        return;
    struct rectangle bounds = grid_bounds(g, CELL_VIDEO);
    for (size_t cell = next_changed(g, 0); cell < g->count; cell = next_changed(g, cell + 1))
        among += inside(g, cell, bounds);
    if (playing < FILM_CELLS_MIN || playing * FILM_SHARE < among)
        grid_clear_all(g, CELL_VIDEO);
}

// A film that begins within a cell: too few of that cell's pixels are its own to look like a photograph, but they change with it. Without loss
// such a strip would cost half of what the film does.
static void take_edges(struct grid *g, uint32_t now_ms)
{
    struct rectangle bounds = grid_bounds(g, CELL_VIDEO);
    if (bounds.width == 0)
        return;
    uint16_t left = bounds.x < MACROBLOCK ? 0 : bounds.x - MACROBLOCK;
    uint16_t top = bounds.y < MACROBLOCK ? 0 : bounds.y - MACROBLOCK;
    struct rectangle around = {left, top, (uint16_t)(bounds.x + bounds.width + MACROBLOCK - left),
                               (uint16_t)(bounds.y + bounds.height + MACROBLOCK - top)};
    for (size_t cell = next_changed(g, 0); cell < g->count; cell = next_changed(g, cell + 1)) {
        if (g->streaks[cell] >= PLAYING_STREAK && now_ms - g->changed[cell] < STREAK_MS &&
            inside(g, cell, around))
            g->cells[cell] |= CELL_VIDEO;
    }
}

void film_choose(struct grid *g, const uint16_t *costs, struct rectangle region, size_t allowance,
                 uint32_t now_ms)
{
    find_film(g, now_ms);
    take_edges(g, now_ms);
    if (divide(g, costs, 0) > allowance && divide(g, costs, CELL_RICH) > allowance * PLAIN_EXCESS)
        divide(g, costs, CELL_CHANGED);
    struct rectangle bounds = grid_bounds(g, CELL_VIDEO);
    if (bounds.width == 0)
        return;
    for (size_t cell = next_changed(g, 0); cell < g->count; cell = next_changed(g, cell + 1)) {
        if (inside(g, cell, bounds) || inside(g, cell, region))
            g->cells[cell] |= CELL_VIDEO;
    }
}

bool film_plays(const struct grid *g, size_t cell, struct rectangle region, uint32_t now_ms)
{
    return inside(g, cell, region) && is_playing(g, cell, now_ms);
}
