#include "streaming/grid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct span {
    unsigned left, right, top, bottom; // cells; right and bottom are exclusive
};

int grid_init(struct grid *g, uint16_t width, uint16_t height)
{
    *g = (struct grid){.width = width,
                       .height = height,
                       .columns = (uint16_t)((width + MACROBLOCK - 1) / MACROBLOCK),
                       .rows = (uint16_t)((height + MACROBLOCK - 1) / MACROBLOCK)};
    g->count = (size_t)g->columns * g->rows;
    g->cells = calloc(g->count, sizeof(*g->cells));
    g->changed = calloc(g->count, sizeof(*g->changed));
    g->streaks = calloc(g->count, 1);
    g->scratch = calloc(g->count, 1);
    if (g->cells && g->changed && g->streaks && g->scratch)
        return 0;
    grid_finish(g);
    return -ENOMEM;
}

void grid_finish(struct grid *g)
{
    free(g->cells);
    free(g->changed);
    free(g->streaks);
    free(g->scratch);
    *g = (struct grid){0};
}

static int64_t limit(int64_t value, int64_t maximum)
{
    return value < 0 ? 0 : value > maximum ? maximum : value;
}

bool grid_clamp(const struct grid *g, int32_t x, int32_t y, uint32_t width, uint32_t height,
                struct rectangle *ret_rectangle)
{
    int64_t left = limit(x, g->width), right = limit((int64_t)x + width, g->width);
    int64_t top = limit(y, g->height), bottom = limit((int64_t)y + height, g->height);
    if (left >= right || top >= bottom)
        return false;
    *ret_rectangle = (struct rectangle){.x = (uint16_t)left,
                                        .y = (uint16_t)top,
                                        .width = (uint16_t)(right - left),
                                        .height = (uint16_t)(bottom - top)};
    return true;
}

static struct span span_of(struct rectangle r)
{
    return (struct span){.left = r.x / MACROBLOCK,
                         .right = (r.x + r.width + MACROBLOCK - 1u) / MACROBLOCK,
                         .top = r.y / MACROBLOCK,
                         .bottom = (r.y + r.height + MACROBLOCK - 1u) / MACROBLOCK};
}

static struct rectangle rectangle_of(const struct grid *g, struct span s)
{
    unsigned right = s.right * MACROBLOCK, bottom = s.bottom * MACROBLOCK;
    right = right < g->width ? right : g->width;
    bottom = bottom < g->height ? bottom : g->height;
    return (struct rectangle){.x = (uint16_t)(s.left * MACROBLOCK),
                              .y = (uint16_t)(s.top * MACROBLOCK),
                              .width = (uint16_t)(right - s.left * MACROBLOCK),
                              .height = (uint16_t)(bottom - s.top * MACROBLOCK)};
}

static void set_cell(struct grid *g, size_t cell, uint8_t flags)
{
    if ((flags & CELL_LOSSY) && !(g->cells[cell] & CELL_LOSSY))
        g->lossy++;
    g->cells[cell] |= flags;
}

static void clear_cell(struct grid *g, size_t cell, uint8_t flags)
{
    if ((flags & CELL_LOSSY) && (g->cells[cell] & CELL_LOSSY))
        g->lossy--;
    g->cells[cell] &= (uint8_t)~flags;
}

void grid_set(struct grid *g, struct rectangle rectangle, uint8_t flags)
{
    struct span s = span_of(rectangle);
    for (size_t row = s.top; row < s.bottom; row++) {
        for (size_t column = s.left; column < s.right; column++)
            set_cell(g, row * g->columns + column, flags);
    }
}

void grid_clear(struct grid *g, struct rectangle rectangle, uint8_t flags)
{
    struct span s = span_of(rectangle);
    for (size_t row = s.top; row < s.bottom; row++) {
        for (size_t column = s.left; column < s.right; column++)
            clear_cell(g, row * g->columns + column, flags);
    }
}

void grid_set_all(struct grid *g, uint8_t flags)
{
    for (size_t cell = 0; cell < g->count; cell++)
        set_cell(g, cell, flags);
}

void grid_clear_all(struct grid *g, uint8_t flags)
{
    for (size_t cell = grid_next(g->cells, 0, g->count, flags); cell < g->count;
         cell = grid_next(g->cells, cell + 1, g->count, flags))
        clear_cell(g, cell, flags);
}

// The cells that lie in the rectangle whole; those at the display's right and bottom end with it.
static struct span span_within(const struct grid *g, struct rectangle r)
{
    unsigned right = (unsigned)r.x + r.width, bottom = (unsigned)r.y + r.height;
    return (struct span){.left = (r.x + MACROBLOCK - 1u) / MACROBLOCK,
                         .right = right == g->width ? g->columns : right / MACROBLOCK,
                         .top = (r.y + MACROBLOCK - 1u) / MACROBLOCK,
                         .bottom = bottom == g->height ? g->rows : bottom / MACROBLOCK};
}

void grid_clear_within(struct grid *g, struct rectangle rectangle, uint8_t flags)
{
    struct span s = span_within(g, rectangle);
    for (size_t row = s.top; row < s.bottom; row++) {
        for (size_t column = s.left; column < s.right; column++)
            clear_cell(g, row * g->columns + column, flags);
    }
}

static size_t count_cells(const struct grid *g, const uint8_t *cells, struct rectangle r, uint8_t flags)
{
    struct span s = span_of(r);
    size_t count = 0;
    for (size_t row = s.top; row < s.bottom; row++) {
        for (size_t column = s.left; column < s.right; column++)
            count += (cells[row * g->columns + column] & flags) != 0;
    }
    return count;
}

size_t grid_count(const struct grid *g, struct rectangle rectangle, uint8_t flags)
{
    return count_cells(g, g->cells, rectangle, flags);
}

// The pixels of one cell that a copy writes, as they lay before.
static struct rectangle source_of(const struct copy_rectangle *copy, size_t column, size_t row)
{
    struct rectangle t = copy->target;
    unsigned x = (unsigned)column * MACROBLOCK, y = (unsigned)row * MACROBLOCK;
    unsigned left = x > t.x ? x : t.x, top = y > t.y ? y : t.y;
    unsigned right = x + MACROBLOCK < (unsigned)t.x + t.width ? x + MACROBLOCK : (unsigned)t.x + t.width;
    unsigned bottom = y + MACROBLOCK < (unsigned)t.y + t.height ? y + MACROBLOCK : (unsigned)t.y + t.height;
    return (struct rectangle){.x = (uint16_t)(left - t.x + copy->source_x),
                              .y = (uint16_t)(top - t.y + copy->source_y),
                              .width = (uint16_t)(right - left),
                              .height = (uint16_t)(bottom - top)};
}

void grid_move(struct grid *g, const struct copy_rectangle *copy, uint32_t now_ms)
{
    if (g->lossy == 0)
        return;
    memcpy(g->scratch, g->cells, g->count);
    struct span touched = span_of(copy->target);
    grid_clear_within(g, copy->target, CELL_LOSSY);
    for (size_t row = touched.top; row < touched.bottom; row++) {
        for (size_t column = touched.left; column < touched.right; column++) {
            if (count_cells(g, g->scratch, source_of(copy, column, row), CELL_LOSSY) == 0)
                continue;
            set_cell(g, row * g->columns + column, CELL_LOSSY);
            g->changed[row * g->columns + column] = now_ms;
        }
    }
}

void grid_stamp(struct grid *g, struct rectangle rectangle, uint32_t now_ms)
{
    struct span s = span_of(rectangle);
    for (size_t row = s.top; row < s.bottom; row++) {
        for (size_t column = s.left; column < s.right; column++) {
            size_t cell = row * g->columns + column;
            bool soon = now_ms - g->changed[cell] < STREAK_MS;
            g->streaks[cell] = (uint8_t)(soon ? g->streaks[cell] + (g->streaks[cell] < UINT8_MAX) : 0);
            g->changed[cell] = now_ms;
        }
    }
}

struct cover {
    struct span spans[RECTANGLES_MAX];
    size_t count, maximum;
    size_t open; // spans from here on may still grow downward
};

// Adds one row's run: it prolongs the span above it that has the same columns, or starts a new one. false
// when there is no room.
static bool add_run(struct cover *cover, unsigned left, unsigned right, unsigned row)
{
    for (size_t i = cover->open; i < cover->count; i++) {
        struct span *s = &cover->spans[i];
        if (s->bottom == row && s->left == left && s->right == right) {
            s->bottom = row + 1;
            return true;
        }
    }
    if (cover->count == cover->maximum)
        return false;
    cover->spans[cover->count++] = (struct span){.left = left, .right = right, .top = row, .bottom = row + 1};
    return true;
}

// The next run of flagged cells in a row from *column on; gaps of up to `gap` cells are taken in.
static bool next_run(const uint8_t *row, unsigned columns, uint8_t flag, unsigned gap, unsigned *column,
                     unsigned *ret_left, unsigned *ret_right)
{
    unsigned at = (unsigned)grid_next(row, *column, columns, flag);
    if (at == columns)
        return false;
    *ret_left = at;
    unsigned end = at + 1;
    for (unsigned i = end; i < columns && i <= end + gap; i++) {
        if (row[i] & flag)
            end = i + 1;
    }
    *ret_right = end;
    *column = end;
    return true;
}

static bool cover_rows(const struct grid *g, uint8_t flag, unsigned gap, struct cover *cover)
{
    cover->count = cover->open = 0;
    for (unsigned row = 0; row < g->rows; row++) {
        const uint8_t *cells = g->cells + (size_t)row * g->columns;
        unsigned column = 0, left, right;
        while (next_run(cells, g->columns, flag, gap, &column, &left, &right)) {
            if (!add_run(cover, left, right, row))
                return false;
        }
        while (cover->open < cover->count && cover->spans[cover->open].bottom <= row)
            cover->open++;
    }
    return true;
}

// The bounds of the flagged cells in some rows; bottom is 0 when there are none.
static struct span bounds_of(const struct grid *g, uint8_t flag, unsigned top, unsigned bottom)
{
    struct span s = {.left = g->columns, .top = g->rows};
    for (unsigned row = top; row < bottom; row++) {
        const uint8_t *cells = g->cells + (size_t)row * g->columns;
        unsigned column = (unsigned)grid_next(cells, 0, g->columns, flag);
        if (column == g->columns)
            continue;
        s.left = column < s.left ? column : s.left;
        s.top = row < s.top ? row : s.top;
        s.bottom = row + 1;
        for (column = g->columns; !(cells[column - 1] & flag);)
            column--;
        s.right = column > s.right ? column : s.right;
    }
    return s;
}

struct rectangle grid_bounds(const struct grid *g, uint8_t flag)
{
    struct span s = bounds_of(g, flag, 0, g->rows);
    return s.bottom > 0 ? rectangle_of(g, s) : (struct rectangle){0};
}

// One span for each band of rows: at most the maximum whatever the map looks like.
static void cover_bands(const struct grid *g, uint8_t flag, struct cover *cover)
{
    cover->count = 0;
    unsigned height = (g->rows + (unsigned)cover->maximum - 1) / (unsigned)cover->maximum;
    for (unsigned top = 0; top < g->rows; top += height) {
        unsigned bottom = top + height < g->rows ? top + height : g->rows;
        struct span s = bounds_of(g, flag, top, bottom);
        if (s.bottom > 0)
            cover->spans[cover->count++] = s;
    }
}

size_t grid_rectangles(const struct grid *g, uint8_t flag, size_t maximum, struct rectangle *ret_rectangles)
{
    static const unsigned gaps[] = {0, 2, 8, 32};
    struct cover cover = {.maximum = maximum};
    bool covered = false;
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]) && !covered; i++)
        covered = cover_rows(g, flag, gaps[i], &cover);
    if (!covered)
        cover_bands(g, flag, &cover);
    for (size_t i = 0; i < cover.count; i++)
        ret_rectangles[i] = rectangle_of(g, cover.spans[i]);
    return cover.count;
}

size_t grid_choose_repair(struct grid *g, uint32_t before_ms, size_t maximum)
{
    size_t chosen = 0;
    for (size_t cell = 0; cell < g->count && chosen < maximum; cell++) {
        bool still = (int32_t)(g->changed[cell] - before_ms) <= 0;
        if ((g->cells[cell] & (CELL_LOSSY | CELL_DAMAGED)) == CELL_LOSSY && still) {
            g->cells[cell] |= CELL_CHOSEN;
            chosen++;
        }
    }
    return chosen;
}

// Photographs, and what the browser has seen as video.
static bool is_moving_picture(uint8_t flags)
{
    return flags & (CELL_RICH | CELL_LOSSY);
}

bool grid_set_aside(struct grid *g, size_t maximum)
{
    size_t others = 0;
    for (size_t cell = 0; cell < g->count && others <= maximum; cell++)
        others += (g->cells[cell] & CELL_DAMAGED) && !is_moving_picture(g->cells[cell]);
    if (others == 0 || others > maximum)
        return false;
    for (size_t cell = 0; cell < g->count; cell++) {
        if ((g->cells[cell] & CELL_DAMAGED) && is_moving_picture(g->cells[cell]))
            g->cells[cell] ^= CELL_DAMAGED | CELL_CHOSEN;
    }
    return true;
}

void grid_put_back(struct grid *g)
{
    for (size_t cell = 0; cell < g->count; cell++) {
        if (g->cells[cell] & CELL_CHOSEN)
            g->cells[cell] = (uint8_t)((g->cells[cell] | CELL_DAMAGED) & ~CELL_CHOSEN);
    }
}

size_t rectangles_area(const struct rectangle *rectangles, size_t count)
{
    size_t area = 0;
    for (size_t i = 0; i < count; i++)
        area += (size_t)rectangles[i].width * rectangles[i].height;
    return area;
}

struct rectangle rectangles_union(struct rectangle a, struct rectangle b)
{
    if (a.width == 0)
        return b;
    unsigned left = a.x < b.x ? a.x : b.x, top = a.y < b.y ? a.y : b.y;
    unsigned right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    unsigned bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;
    return (struct rectangle){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                              (uint16_t)(bottom - top)};
}
