// Moves in any direction. Pieces of 32 pixels are hashed at every place; those whose hash happens to end in zeros are anchors, the same ones
// wherever they lie, so that two pictures choose alike without knowing the offset.

#include <string.h>

#include "streaming/motion_votes.h"

#define PIECE 32u
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)
#define CHOSEN_MASK 63u // one place in 64
#define ROW_STEP 8u     // of the new picture this part of the rows is enough
#define VOTES_MIN 6u

struct scan {
    struct motion *m;
    bool voting; // false: anchors are being collected
    size_t collected;
};

static struct motion_anchor *find(struct motion *m, uint64_t hash)
{
    size_t slot = (hash >> 20) & (ANCHOR_TABLE - 1);
    while (m->anchors[slot].hash != 0 && m->anchors[slot].hash != hash)
        slot = (slot + 1) & (ANCHOR_TABLE - 1);
    return &m->anchors[slot];
}

static void collect(struct scan *s, uint64_t hash, unsigned x, unsigned y)
{
    struct motion_anchor *anchor = find(s->m, hash);
    if (anchor->hash == hash) {
        anchor->ambiguous = true;
    } else if (s->collected < ANCHORS_MAX) {
        s->collected++;
        *anchor = (struct motion_anchor){.hash = hash, .x = (uint16_t)x, .y = (uint16_t)y};
    }
}

static void vote(struct scan *s, uint64_t hash, unsigned x, unsigned y)
{
    const struct motion_anchor *anchor = find(s->m, hash);
    if (anchor->hash == hash && !anchor->ambiguous)
        motion_cast(s->m, anchor->x - (int)x, anchor->y - (int)y);
}

// A hash by rotation and exclusive or needs no multiplication in its chain, which makes it more than twice as fast as a polynomial.
static void scan_run(struct scan *s, const struct image *image, unsigned left, unsigned right, unsigned y)
{
    static const uint64_t odd = UINT64_C(0xd6e8feb86659fd93);
    const uint8_t *row = image_at(image, 0, y);
    uint64_t hash = 0;
    uint32_t last = 0;
    unsigned same = 0; // pixels since the last change of colour
    for (unsigned x = left; x < right; x++) {
        uint32_t pixel, left_behind;
        memcpy(&pixel, row + (size_t)x * 4, sizeof(pixel));
        hash = (hash << 1 | hash >> 63) ^ pixel * MULTIPLIER;
        same = pixel == last ? same + 1 : 0;
        last = pixel;
        if (x >= left + PIECE) {
            memcpy(&left_behind, row + (size_t)(x - PIECE) * 4, sizeof(left_behind));
            uint64_t leaving = left_behind * MULTIPLIER;
            hash ^= leaving << PIECE | leaving >> (64 - PIECE); // turned as often as pixels have come since
        }
        if (x < left + PIECE - 1 || same >= PIECE / 2)
            continue;
        uint64_t mixed = (hash ^ hash >> 31) * odd;
        if ((mixed >> 40 & CHOSEN_MASK) != 0 || mixed == 0)
            continue;
        if (s->voting)
            vote(s, mixed, x, y);
        else
            collect(s, mixed, x, y);
    }
}

static void scan(struct scan *s, const struct image *image, const struct grid *grid, unsigned step)
{
    for (unsigned y = 0; y < grid->height; y += step) {
        const uint8_t *cells = grid->cells + (size_t)(y / MACROBLOCK) * grid->columns;
        for (unsigned column = 0; column < grid->columns; column++) {
            unsigned left = column;
            while (column < grid->columns && (cells[column] & CELL_CHOSEN))
                column++;
            unsigned right = column * MACROBLOCK < grid->width ? column * MACROBLOCK : grid->width;
            if (right > left * MACROBLOCK + PIECE)
                scan_run(s, image, left * MACROBLOCK, right, y);
        }
    }
}

bool motion_anchors_vote(struct motion *m, const struct image *before, const struct image *now,
                         const struct grid *grid, struct offset *ret_offset)
{
    struct scan s = {.m = m};
    memset(m->anchors, 0, ANCHOR_TABLE * sizeof(*m->anchors));
    motion_poll(m);
    scan(&s, now, grid, ROW_STEP);
    s.voting = true;
    scan(&s, before, grid, 1);
    return motion_elect(m, ret_offset) >= VOTES_MIN;
}
