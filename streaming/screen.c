#include "streaming/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CELL_BYTES ((size_t)MACROBLOCK * 4)
#define CACHE_LINE 64u
#define FETCHED_BYTES 512u   // of the begin of a row
#define PIXEL_MASK 0xffffffu // the top byte means nothing
// Every fourth row of a cell is looked at to tell text from photographs.
#define SAMPLE_ROWS 4u
// So many different colours among 60 pixels are a photograph; smooth text has its two and some shades between them. The colours are counted
// by a hash of 6 bits, which finds 39 where all 60 differ.
#define RICH_COLOURS 26u

static const struct extent whole = {.right = MACROBLOCK, .bottom = MACROBLOCK};

int screen_init(struct screen *s, const struct grid *grid)
{
    size_t stride = (size_t)grid->width * 4;
    *s = (struct screen){.shown_pixels = calloc(grid->height, stride),
                         .extents = calloc(grid->count, sizeof(*s->extents)),
                         .costs = calloc(grid->count, sizeof(*s->costs))};
    s->shown = (struct image){
        .stride = stride, .width = grid->width, .height = grid->height, .pixels = s->shown_pixels};
    if (s->shown_pixels && s->extents && s->costs)
        return 0;
    screen_finish(s);
    return -ENOMEM;
}

void screen_finish(struct screen *s)
{
    free(s->shown_pixels);
    free(s->extents);
    free(s->costs);
    *s = (struct screen){0};
}

// Downward moves begin at the bottom, so that no row is overwritten before it has moved.
static bool is_downward(const struct copy_rectangle *copy)
{
    return copy->target.y > copy->source_y;
}

static const uint8_t *source_row(const struct screen *s, const struct copy_rectangle *copy, unsigned row)
{
    return image_at(&s->shown, copy->source_x, copy->source_y + row);
}

static void move_row(struct screen *s, const struct copy_rectangle *copy, unsigned row)
{
    const struct rectangle *to = &copy->target;
    memmove(s->shown_pixels + (to->y + row) * s->shown.stride + (size_t)to->x * 4, source_row(s, copy, row),
            (size_t)to->width * 4);
}

// What lies in whole cells of the copy was compared and needs no more search.
static void note_copy(struct grid *grid, const struct copy_rectangle *copy, uint32_t now_ms)
{
    grid_move(grid, copy, now_ms);
    grid_set(grid, copy->target, CELL_DAMAGED);
    grid_clear_within(grid, copy->target, CELL_DAMAGED | CELL_CHOSEN);
}

void screen_copy(struct screen *s, struct grid *grid, const struct copy_rectangle *copy, uint32_t now_ms)
{
    unsigned rows = copy->target.height;
    for (unsigned i = 0; i < rows; i++)
        move_row(s, copy, is_downward(copy) ? rows - 1 - i : i);
    note_copy(grid, copy, now_ms);
}

// Processors fetch ahead by themselves once they have seen a few lines of a page, which each row of a display has for itself.
static void fetch_begin(const uint8_t *at, size_t length)
{
    for (size_t i = 0; i < length && i < FETCHED_BYTES; i += CACHE_LINE)
        __builtin_prefetch(at + i);
}

bool screen_follow(struct screen *s, const struct image *live, struct grid *grid, struct copy_rectangle *copy,
                   uint32_t now_ms)
{
    struct rectangle *to = &copy->target;
    unsigned rows = to->height, moved = 0;
    size_t width = (size_t)to->width * 4;
    for (; moved < rows; moved++) {
        unsigned row = is_downward(copy) ? rows - 1 - moved : moved;
        unsigned next = moved + 1 == rows ? row : is_downward(copy) ? row - 1 : row + 1;
        fetch_begin(image_at(live, to->x, to->y + next), width);
        fetch_begin(source_row(s, copy, next), width);
        if (memcmp(image_at(live, to->x, to->y + row), source_row(s, copy, row), width) != 0)
            break;
        move_row(s, copy, row);
    }
    if (moved == 0)
        return false;
    if (is_downward(copy)) {
        to->y = (uint16_t)(to->y + rows - moved);
        copy->source_y = (uint16_t)(copy->source_y + rows - moved);
    }
    to->height = (uint16_t)moved;
    note_copy(grid, copy, now_ms);
    return true;
}

static uint32_t pixel_at(const uint8_t *row, unsigned x)
{
    uint32_t pixel;
    memcpy(&pixel, row + (size_t)x * 4, sizeof(pixel));
    return pixel & PIXEL_MASK;
}

// Widens the extent by one row's changed pixels. X servers may set the unused byte as they like; a change of it alone only costs bytes.
static void widen(struct extent *e, const uint8_t *was, const uint8_t *is, unsigned width, unsigned row)
{
    unsigned left = 0, right = width;
    while (left < right && pixel_at(was, left) == pixel_at(is, left))
        left++;
    if (left == right)
        return;
    while (pixel_at(was, right - 1) == pixel_at(is, right - 1))
        right--;
    if (e->bottom == 0)
        *e = (struct extent){.left = (uint8_t)left, .right = (uint8_t)right, .top = (uint8_t)row};
    e->left = left < e->left ? (uint8_t)left : e->left;
    e->right = right > e->right ? (uint8_t)right : e->right;
    e->bottom = (uint8_t)(row + 1);
}

// Cells are compared and copied by the million: with a length that the compiler knows, which all have but those at the display's right.
static bool take_pixels(uint8_t *taken, const uint8_t *is, const uint8_t *shown, size_t length)
{
    if (length < CELL_BYTES) {
        memcpy(taken, is, length);
        return memcmp(taken, shown, length) != 0;
    }
    uint64_t new[CELL_BYTES / 8], old[CELL_BYTES / 8], difference = 0;
    memcpy(taken, is, CELL_BYTES);
    memcpy(new, taken, CELL_BYTES);
    memcpy(old, shown, CELL_BYTES);
    for (size_t i = 0; i < CELL_BYTES / 8; i++)
        difference |= new[i] ^ old[i];
    return difference != 0;
}

// Takes one row of pixels from `left` to `right` (cells) and notes what is new. Only rows that differ are taken apart; what is taken is read once, as the
// sandbox may change it meanwhile.
static void take_row(struct screen *s, const struct image *live, const struct grid *grid, unsigned y,
                     unsigned left, unsigned right)
{
    size_t start = left * CELL_BYTES, stride = s->shown.stride;
    size_t end = right * CELL_BYTES < stride ? right * CELL_BYTES : stride;
    const uint8_t *is = image_at(live, 0, y);
    uint8_t *shown = s->shown_pixels + y * stride;
    if (memcmp(is + start, shown + start, end - start) == 0)
        return;
    struct extent *extents = s->extents + (size_t)(y / MACROBLOCK) * grid->columns;
    for (unsigned column = left; column < right; column++) {
        uint8_t taken[CELL_BYTES];
        size_t at = column * CELL_BYTES;
        size_t length = end - at < CELL_BYTES ? end - at : CELL_BYTES;
        if (!take_pixels(taken, is + at, shown + at, length))
            continue;
        widen(&extents[column], shown + at, taken, (unsigned)length / 4, y % MACROBLOCK);
        if (length == CELL_BYTES)
            memcpy(shown + at, taken, CELL_BYTES);
        else
            memcpy(shown + at, taken, length);
    }
}

// Estimates what the cell takes without loss, from the pixels that are neither their left neighbour nor one of the last few colours.
static void assess(struct screen *s, struct grid *grid, unsigned column, unsigned row)
{
    size_t cell = (size_t)row * grid->columns + column;
    unsigned x = column * MACROBLOCK, y = row * MACROBLOCK;
    unsigned width = grid->width - x < MACROBLOCK ? grid->width - x : MACROBLOCK;
    struct extent e = s->extents[cell];
    unsigned changes = 0, surprises = 0;
    uint32_t seen[8] = {0};
    uint64_t colours = 0;
    for (unsigned i = 0; i < SAMPLE_ROWS && y + i * 4 < grid->height; i++) {
        const uint8_t *pixels = image_at(&s->shown, x, y + i * 4);
        for (unsigned k = 1; k < width; k++) {
            uint32_t pixel = pixel_at(pixels, k);
            if (pixel == pixel_at(pixels, k - 1))
                continue;
            changes++;
            uint32_t hash = pixel * 0x9e3779b1u;
            colours |= UINT64_C(1) << (hash >> 26);
            uint32_t *slot = &seen[hash >> 29];
            surprises += *slot != pixel;
            *slot = pixel;
        }
    }
    grid->cells[cell] &= (uint8_t)~CELL_RICH;
    if ((unsigned)__builtin_popcountll(colours) >= RICH_COLOURS)
        grid->cells[cell] |= CELL_RICH;
    unsigned pixels = (unsigned)(e.right - e.left) * (e.bottom - e.top);
    // Measured: two bytes per surprise of a photograph, a sixth of a byte per change of text once it is deflated.
    unsigned sixths = grid->cells[cell] & CELL_RICH ? surprises * 12 : surprises + changes;
    s->costs[cell] = (uint16_t)(1 + sixths * pixels / (6 * SAMPLE_ROWS * MACROBLOCK));
}

static void finish_cells(struct screen *s, struct grid *grid, unsigned row, unsigned left, unsigned right)
{
    for (unsigned column = left; column < right; column++) {
        size_t cell = (size_t)row * grid->columns + column;
        if (s->extents[cell].bottom == 0)
            continue;
        grid->cells[cell] |= CELL_CHANGED;
        // A part of a lossy cell would leave the rest of it lossy, and nobody could say which part.
        if (grid->cells[cell] & CELL_LOSSY)
            s->extents[cell] = whole;
        assess(s, grid, column, row);
    }
}

static void take_cells(struct screen *s, const struct image *live, struct grid *grid, unsigned row,
                       unsigned left, unsigned right)
{
    unsigned top = row * MACROBLOCK;
    unsigned bottom = top + MACROBLOCK < grid->height ? top + MACROBLOCK : grid->height;
    memset(&s->extents[(size_t)row * grid->columns + left], 0, (right - left) * sizeof(s->extents[0]));
    for (unsigned y = top; y < bottom; y++)
        take_row(s, live, grid, y, left, right);
    finish_cells(s, grid, row, left, right);
}

void screen_take(struct screen *s, const struct image *live, struct grid *grid)
{
    for (unsigned row = 0; row < grid->rows; row++) {
        uint8_t *cells = grid->cells + (size_t)row * grid->columns;
        for (unsigned column = 0; column < grid->columns; column++) {
            column = (unsigned)grid_next(cells, column, grid->columns, CELL_DAMAGED);
            unsigned left = column;
            for (; column < grid->columns && (cells[column] & CELL_DAMAGED); column++)
                cells[column] &= (uint8_t)~CELL_DAMAGED;
            if (column > left)
                take_cells(s, live, grid, row, left, column);
        }
    }
}

struct rectangle screen_trim(const struct screen *s, const struct grid *grid, struct rectangle r)
{
    unsigned left = UINT16_MAX, top = UINT16_MAX, right = 0, bottom = 0;
    for (unsigned row = r.y / MACROBLOCK; row * MACROBLOCK < (unsigned)r.y + r.height; row++) {
        for (unsigned column = r.x / MACROBLOCK; column * MACROBLOCK < (unsigned)r.x + r.width; column++) {
            size_t cell = (size_t)row * grid->columns + column;
            if (!(grid->cells[cell] & CELL_CHANGED))
                continue;
            struct extent e = s->extents[cell];
            unsigned x = column * MACROBLOCK, y = row * MACROBLOCK;
            left = x + e.left < left ? x + e.left : left;
            top = y + e.top < top ? y + e.top : top;
            right = x + e.right > right ? x + e.right : right;
            bottom = y + e.bottom > bottom ? y + e.bottom : bottom;
        }
    }
    right = right < grid->width ? right : grid->width;
    bottom = bottom < grid->height ? bottom : grid->height;
    if (left >= right || top >= bottom)
        abort();
    return (struct rectangle){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                              (uint16_t)(bottom - top)};
}
