#include "streaming/motion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "streaming/motion_votes.h"

#define STRIP_PIXELS 128u
// Of a wide area so many strips, spread over it, are enough to vote.
#define STRIPS_MAX 5u
// Smaller damage is as cheap to send as it is.
#define SIDE_MIN 24u
#define AREA_MIN 4096u
#define ANCHOR_AREA_MAX (3u << 19) // pixels
#define VOTES_MIN 8u
#define SKIP_MAX 6u
#define AREAS_MAX 16u
#define GROWTH_MAX 15u

static unsigned strips_of(unsigned width)
{
    unsigned strips = (width + STRIP_PIXELS - 1) / STRIP_PIXELS;
    return strips < STRIPS_MAX ? strips : STRIPS_MAX;
}

static size_t table_size(size_t rows)
{
    size_t size = 64;
    while (size < rows * 2)
        size *= 2;
    return size;
}

int motion_init(struct motion *m, const struct grid *grid)
{
    *m = (struct motion){
        .rows = calloc((size_t)strips_of(grid->width) * grid->height * 2, sizeof(*m->rows)),
        .row_table = calloc(table_size(grid->height), sizeof(*m->row_table)),
        .anchors = calloc(ANCHOR_TABLE, sizeof(*m->anchors)),
        .ballots = calloc(BALLOTS, sizeof(*m->ballots)),
        .votes = calloc((size_t)grid->height * 2, sizeof(*m->votes)),
        .fits = calloc(grid->count, 1),
        .heights = calloc((size_t)grid->columns + 1, sizeof(*m->heights)),
    };
    if (m->rows && m->row_table && m->anchors && m->ballots && m->votes && m->fits && m->heights)
        return 0;
    motion_finish(m);
    return -ENOMEM;
}

void motion_finish(struct motion *m)
{
    free(m->rows);
    free(m->row_table);
    free(m->anchors);
    free(m->ballots);
    free(m->votes);
    free(m->fits);
    free(m->heights);
    *m = (struct motion){0};
}

// Four chains, so that the multiplications overlap; the unused byte of each pixel is hashed too, as X servers move it along.
static uint64_t hash_pixels(const uint8_t *at, unsigned width)
{
    static const uint64_t multiplier = 0x9e3779b97f4a7c15u;
    uint64_t chains[4] = {1, 2, 3, 4};
    size_t length = (size_t)width * 4;
    for (; length >= 32; length -= 32, at += 32) {
        uint64_t words[4];
        memcpy(words, at, sizeof(words));
        for (int i = 0; i < 4; i++)
            chains[i] = (chains[i] ^ words[i]) * multiplier;
    }
    for (; length >= 4; length -= 4, at += 4) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        chains[0] = (chains[0] ^ word) * multiplier;
    }
    uint64_t hash = chains[0];
    for (int i = 1; i < 4; i++)
        hash = ((hash ^ hash >> 29) + chains[i]) * multiplier;
    return hash ^ hash >> 32;
}

static void hash_rows(uint64_t *hashes, const struct image *image, struct rectangle area)
{
    unsigned strips = strips_of(area.width);
    for (unsigned row = 0; row < area.height; row++) {
        for (unsigned strip = 0; strip < strips; strip++) {
            unsigned x = strip * (area.width / strips);
            unsigned width = area.width - x < STRIP_PIXELS ? area.width - x : STRIP_PIXELS;
            hashes[strip * area.height + row] = hash_pixels(image_at(image, area.x + x, area.y + row), width);
        }
    }
}

static struct motion_row *find_row(struct motion *m, size_t mask, uint64_t hash)
{
    size_t slot = hash & mask;
    while (m->row_table[slot].y != -1 && m->row_table[slot].hash != hash)
        slot = (slot + 1) & mask;
    return &m->row_table[slot];
}

static void vote_strip(struct motion *m, const uint64_t *now, const uint64_t *before, unsigned rows)
{
    size_t mask = table_size(rows) - 1;
    for (size_t i = 0; i <= mask; i++)
        m->row_table[i].y = -1;
    for (unsigned y = 0; y < rows; y++) {
        struct motion_row *row = find_row(m, mask, before[y]);
        *row = (struct motion_row){.hash = before[y], .y = row->y == -1 ? (int32_t)y : -2};
    }
    for (unsigned y = 0; y < rows; y++) {
        if (now[y] == before[y])
            continue;
        const struct motion_row *row = find_row(m, mask, now[y]);
        if (row->y >= 0)
            m->votes[y + rows - 1 - (unsigned)row->y]++;
    }
}

// Appends the vertical offset with the most votes in this area.
static void vote_area(struct motion *m, const struct image *before, const struct image *now,
                      struct rectangle area, struct offset *offsets, size_t *count)
{
    unsigned strips = strips_of(area.width), rows = area.height;
    uint64_t *hashes_now = m->rows, *hashes_before = m->rows + (size_t)strips * rows;
    hash_rows(hashes_now, now, area);
    hash_rows(hashes_before, before, area);
    memset(m->votes, 0, 2 * (size_t)rows * sizeof(*m->votes));
    for (unsigned strip = 0; strip < strips; strip++)
        vote_strip(m, hashes_now + (size_t)strip * rows, hashes_before + (size_t)strip * rows, rows);
    unsigned best = 0;
    for (unsigned i = 1; i < 2 * rows - 1; i++)
        best = m->votes[i] > m->votes[best] ? i : best;
    int y = (int)best - (int)rows + 1;
    if (m->votes[best] < VOTES_MIN || y == 0)
        return;
    for (size_t i = 0; i < *count; i++) {
        if (offsets[i].y == y)
            return;
    }
    offsets[(*count)++] = (struct offset){.y = y};
}

size_t motion_offsets(struct motion *m, const struct image *before, const struct image *now,
                      const struct grid *grid, struct offset *ret_offsets)
{
    struct rectangle areas[AREAS_MAX];
    size_t area_count = grid_rectangles(grid, CELL_CHOSEN, AREAS_MAX, areas);
    size_t pixels = rectangles_area(areas, area_count);
    if (pixels < AREA_MIN)
        return 0;
    if (m->skip > 0) {
        m->skip--;
        return 0;
    }
    size_t count = 0;
    // What moves goes on to move in the same way.
    bool anchored = m->anchored && pixels <= ANCHOR_AREA_MAX;
    if (anchored && motion_anchors_vote(m, before, now, grid, &ret_offsets[0]))
        return 1;
    m->anchored = false;
    for (size_t i = 0; i < area_count && count < MOTION_OFFSETS_MAX; i++) {
        if (areas[i].width >= SIDE_MIN && areas[i].height >= SIDE_MIN)
            vote_area(m, before, now, areas[i], ret_offsets, &count);
    }
    if (count == 0 && !anchored && pixels <= ANCHOR_AREA_MAX)
        count = m->anchored = motion_anchors_vote(m, before, now, grid, &ret_offsets[0]);
    m->failures = (uint8_t)(count > 0 ? 0 : m->failures + (m->failures < SKIP_MAX));
    // A picture that plays is not searched at each of its frames.
    m->skip = (uint8_t)(m->failures > 2 ? m->failures - 2 : 0);
    return count;
}

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

static enum fit fit_of(const struct image *before, const struct image *now, unsigned column, unsigned row,
                       struct offset offset)
{
    unsigned x = column * MACROBLOCK, y = row * MACROBLOCK;
    int from_x = (int)x - offset.x, from_y = (int)y - offset.y;
    unsigned width = before->width - x < MACROBLOCK ? before->width - x : MACROBLOCK;
    unsigned height = before->height - y < MACROBLOCK ? before->height - y : MACROBLOCK;
    if (from_x < 0 || from_y < 0 || from_x + (int)width > before->width ||
        from_y + (int)height > before->height)
        return MISFIT;
    if (!same_pixels(now, x, y, before, (unsigned)from_x, (unsigned)from_y, width, height))
        return MISFIT;
    return same_pixels(now, x, y, before, x, y, width, height) ? FITS : GAINS;
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

// The largest rectangle of cells that fit and end with this row: the classic stack over the columns' heights.
static void largest_above(const struct motion *m, const struct grid *grid, unsigned row, unsigned *area,
                          struct block *best)
{
    uint16_t stack[DISPLAY_WIDTH_MAX / MACROBLOCK + 1];
    unsigned depth = 0;
    for (unsigned column = 0; column <= grid->columns; column++) {
        unsigned height = column < grid->columns ? m->heights[column] : 0;
        while (depth > 0 && m->heights[stack[depth - 1]] >= height) {
            unsigned tall = m->heights[stack[--depth]];
            unsigned left = depth > 0 ? stack[depth - 1] + 1u : 0;
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
        for (unsigned column = 0; column < grid->columns; column++)
            m->heights[column] = (uint16_t)(fits[column] != MISFIT ? m->heights[column] + 1 : 0);
        largest_above(m, grid, row, &area, &best);
    }
    best.gain = gain_of(m, grid, &best);
    return best;
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
    for (unsigned i = 0; i < GROWTH_MAX && r->x > 0 && r->x - o.x > 0; i++) {
        if (!same_pixels(now, r->x - 1u, r->y, before, (unsigned)(r->x - 1 - o.x), (unsigned)(r->y - o.y), 1,
                         r->height))
            break;
        r->x--, r->width++;
    }
    for (unsigned i = 0; i < GROWTH_MAX; i++) {
        unsigned right = (unsigned)r->x + r->width;
        if (right >= now->width || (int)right - o.x >= now->width ||
            !same_pixels(now, right, r->y, before, (unsigned)((int)right - o.x), (unsigned)(r->y - o.y), 1,
                         r->height))
            break;
        r->width++;
    }
}

bool motion_copy(struct motion *m, const struct image *before, const struct image *now,
                 const struct grid *grid, struct offset offset, struct copy_rectangle *ret_copy)
{
    m->left = 0;
    for (unsigned row = 0; row < grid->rows; row++) {
        for (unsigned column = 0; column < grid->columns; column++) {
            size_t cell = (size_t)row * grid->columns + column;
            m->fits[cell] =
                grid->cells[cell] & CELL_CHOSEN ? (uint8_t)fit_of(before, now, column, row, offset) : MISFIT;
        }
    }
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
