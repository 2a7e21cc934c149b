// The largest rectangle that an offset makes right.

#include <string.h>

#include "streaming/motion.h"

#define CELL_BYTES ((size_t)MACROBLOCK * 4)
#define GROWTH_MAX 15u
#define GAIN_ROWS 4u

static bool same_pixels(const struct image *a, unsigned ax, unsigned ay, const struct image *b, unsigned bx,
                        unsigned by, unsigned width, unsigned height)
{
    for (unsigned row = 0; row < height; row++) {
        if (memcmp(image_at(a, ax, ay + row), image_at(b, bx, by + row), (size_t)width * 4) != 0)
            return false;
    }
    return true;
}

enum fit { MISFIT = 0, FITS = 1, GAINS = 2 };

// The columns whose cells, moved by the offset, come from inside the picture; false when there are none.
static bool columns_inside(const struct image *image, const struct grid *grid, struct offset offset,
                           unsigned row, unsigned *ret_left, unsigned *ret_right)
{
    int top = (int)(row * MACROBLOCK), bottom = top + MACROBLOCK;
    bottom = bottom < image->height ? bottom : image->height;
    if (top - offset.y < 0 || bottom - offset.y > image->height)
        return false;
    unsigned left = 0, right = grid->columns;
    while (left < right && (int)(left * MACROBLOCK) - offset.x < 0)
        left++;
    for (; left < right; right--) {
        int end = (int)(right * MACROBLOCK);
        if ((end < image->width ? end : image->width) - offset.x <= image->width)
            break;
    }
    *ret_left = left;
    *ret_right = right;
    return left < right;
}

// One row of pixels of cells that all fit so far.
struct run {
    const uint8_t *is, *from, *was; // rows of the new picture, of the source, of the old picture
    ptrdiff_t shift;                // bytes that the source lies to the left
    size_t length;                  // of the row, bytes
    unsigned left, right;           // columns; right is exclusive
};

static bool same(const struct run *r, const uint8_t *other, ptrdiff_t shift, unsigned left, unsigned right)
{
    size_t start = left * CELL_BYTES, end = right * CELL_BYTES;
    return memcmp(r->is + start, other + ((ptrdiff_t)start - shift),
                  (end < r->length ? end : r->length) - start) == 0;
}

static void fit_run(const struct run *r, bool sampled, uint8_t *fits)
{
    if (!same(r, r->from, r->shift, r->left, r->right)) {
        for (unsigned column = r->left; column < r->right; column++) {
            if (!same(r, r->from, r->shift, column, column + 1))
                fits[column] = MISFIT;
        }
    }
    for (size_t column = grid_next(fits, r->left, r->right, FITS); column < r->right && sampled;
         column = grid_next(fits, column + 1, r->right, FITS)) {
        if (!same(r, r->was, 0, (unsigned)column, (unsigned)column + 1))
            fits[column] = GAINS;
    }
}

// Which cells of the row are what lies in `before` at the offset, and which of these are something new there (every fourth row of pixels tells).
// Row of pixels by row of pixels, as memory lies. Returns how many are new.
static unsigned fit_row(const struct image *before, const struct image *now, const struct grid *grid,
                        struct offset offset, unsigned row, uint8_t *fits)
{
    const uint8_t *cells = grid->cells + (size_t)row * grid->columns;
    unsigned left, right, gains = 0;
    memset(fits, MISFIT, grid->columns);
    if (!columns_inside(before, grid, offset, row, &left, &right))
        return 0;
    left = (unsigned)grid_next(cells, left, right, CELL_CHOSEN);
    while (left < right && !(cells[right - 1] & CELL_CHOSEN))
        right--;
    if (left == right)
        return 0;
    for (unsigned column = left; column < right; column++)
        fits[column] = cells[column] & CELL_CHOSEN ? FITS : MISFIT;
    for (unsigned y = row * MACROBLOCK; y < (row + 1) * MACROBLOCK && y < now->height; y++) {
        struct run run = {.is = image_at(now, 0, y),
                          .from = image_at(before, 0, (unsigned)((int)y - offset.y)),
                          .was = image_at(before, 0, y),
                          .shift = (ptrdiff_t)offset.x * 4,
                          .length = (size_t)now->width * 4};
        run.right = left;
        while ((run.left = (unsigned)grid_next(fits, run.right, right, FITS | GAINS)) < right) {
            const uint8_t *end = memchr(fits + run.left, MISFIT, right - run.left);
            run.right = end ? (unsigned)(end - fits) : right;
            fit_run(&run, y % GAIN_ROWS == 2, fits);
        }
    }
    for (unsigned column = left; column < right; column++)
        gains += fits[column] == GAINS;
    return gains;
}

struct block {
    unsigned left, right, top, bottom; // cells; right and bottom are exclusive
    unsigned gain;
};

static unsigned gain_of(const struct motion *m, const struct grid *grid, const struct block *b)
{
    unsigned gain = 0;
    for (unsigned row = b->top; row < b->bottom; row++) {
        for (unsigned column = b->left; column < b->right; column++)
            gain += m->fits[(size_t)row * grid->columns + column] == GAINS;
    }
    return gain;
}

// The largest rectangle of cells from `first` up to `last` that fit and end with this row: the classic stack over the columns' heights.
static void largest_above(const struct motion *m, unsigned first, unsigned last, unsigned row, unsigned *area,
                          struct block *best)
{
    uint16_t stack[DISPLAY_WIDTH_MAX / MACROBLOCK + 1];
    unsigned depth = 0;
    for (unsigned column = first; column <= last; column++) {
        unsigned height = column < last ? m->heights[column] : 0;
        while (depth > 0 && m->heights[stack[depth - 1]] >= height) {
            unsigned tall = m->heights[stack[--depth]];
            unsigned left = depth > 0 ? stack[depth - 1] + 1u : first;
            if (tall * (column - left) <= *area)
                continue;
            *area = tall * (column - left);
            *best = (struct block){.left = left, .right = column, .top = row + 1 - tall, .bottom = row + 1};
        }
        stack[depth++] = (uint16_t)column;
    }
}

static struct block largest_block(struct motion *m, const struct grid *grid)
{
    struct block best = {0};
    unsigned area = 0;
    memset(m->heights, 0, ((size_t)grid->columns + 1) * sizeof(*m->heights));
    for (unsigned row = 0; row < grid->rows; row++) {
        const uint8_t *fits = m->fits + (size_t)row * grid->columns;
        unsigned first = (unsigned)grid_next(fits, 0, grid->columns, FITS | GAINS), last = grid->columns;
        while (last > first && fits[last - 1] == MISFIT)
            last--;
        memset(m->heights, 0, first * sizeof(*m->heights));
        memset(m->heights + last, 0, (grid->columns - last) * sizeof(*m->heights));
        for (unsigned column = first; column < last; column++)
            m->heights[column] = (uint16_t)(fits[column] != MISFIT ? m->heights[column] + 1 : 0);
        largest_above(m, first, last, row, &area, &best);
    }
    best.gain = gain_of(m, grid, &best);
    return best;
}

static unsigned smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    least = least < c ? least : c;
    return least > 0 ? (unsigned)least : 0;
}

// How many whole columns of pixels to the left or to the right of the rectangle have moved as well. Row by row, as memory lies.
static unsigned same_beside(const struct image *before, const struct image *now, struct offset o,
                            const struct rectangle *r, bool to_left)
{
    int edge = to_left ? r->x : r->x + r->width;
    unsigned most = to_left ? smallest(GROWTH_MAX, edge, edge - o.x)
                            : smallest(GROWTH_MAX, now->width - edge, now->width - edge + o.x);
    for (unsigned row = r->y; row < (unsigned)r->y + r->height && most > 0; row++) {
        const uint8_t *is = image_at(now, (unsigned)edge, row);
        const uint8_t *from = image_at(before, (unsigned)(edge - o.x), (unsigned)((int)row - o.y));
        while (most > 0) {
            size_t back = to_left ? (size_t)most * 4 : 0;
            if (memcmp(is - back, from - back, (size_t)most * 4) == 0)
                break;
            most--;
        }
    }
    return most;
}

// Takes in the pixels beside the whole cells, one row or column at a time, as long as they have moved too.
static void grow(const struct image *before, const struct image *now, struct offset o, struct rectangle *r)
{
    for (unsigned i = 0; i < GROWTH_MAX && r->y > 0 && r->y - o.y > 0; i++) {
        if (!same_pixels(now, r->x, r->y - 1u, before, (unsigned)(r->x - o.x), (unsigned)(r->y - 1 - o.y),
                         r->width, 1))
            break;
        r->y--, r->height++;
    }
    for (unsigned i = 0; i < GROWTH_MAX; i++) {
        unsigned bottom = (unsigned)r->y + r->height;
        if (bottom >= now->height || (int)bottom - o.y >= now->height ||
            !same_pixels(now, r->x, bottom, before, (unsigned)(r->x - o.x), (unsigned)((int)bottom - o.y),
                         r->width, 1))
            break;
        r->height++;
    }
    unsigned wider = same_beside(before, now, o, r, true);
    r->x = (uint16_t)(r->x - wider);
    r->width = (uint16_t)(r->width + wider);
    wider = same_beside(before, now, o, r, false);
    r->width = (uint16_t)(r->width + wider);
}

bool motion_copy(struct motion *m, const struct image *before, const struct image *now,
                 const struct grid *grid, struct offset offset, struct copy_rectangle *ret_copy)
{
    m->left = 0;
    for (unsigned row = 0; row < grid->rows; row++)
        m->left += fit_row(before, now, grid, offset, row, m->fits + (size_t)row * grid->columns);
    struct block block = largest_block(m, grid);
    m->left -= block.gain;
    if (block.gain < MOTION_GAIN_MIN)
        return false;
    unsigned right = block.right * MACROBLOCK, bottom = block.bottom * MACROBLOCK;
    right = right < grid->width ? right : grid->width;
    bottom = bottom < grid->height ? bottom : grid->height;
    struct rectangle target = {.x = (uint16_t)(block.left * MACROBLOCK),
                               .y = (uint16_t)(block.top * MACROBLOCK),
                               .width = (uint16_t)(right - block.left * MACROBLOCK),
                               .height = (uint16_t)(bottom - block.top * MACROBLOCK)};
    grow(before, now, offset, &target);
    *ret_copy = (struct copy_rectangle){.source_x = (uint16_t)(target.x - offset.x),
                                        .source_y = (uint16_t)(target.y - offset.y),
                                        .target = target};
    return true;
}
