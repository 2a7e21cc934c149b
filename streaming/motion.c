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
// What is looked for first: a scroll by so many rows, or the last offset and what is so near to it.
#define LINES_NEAR 96
#define NEAR 24
#define FAR 64 // a window whose steps came late, and several at once

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

void motion_poll(struct motion *m)
{
    memset(m->ballots, 0, BALLOTS * sizeof(*m->ballots));
}

void motion_cast(struct motion *m, int x, int y)
{
    int16_t dx = (int16_t)x, dy = (int16_t)y;
    size_t slot = ((uint32_t)(dx * 31 + dy) * 0x9e3779b1u) >> 22;
    for (size_t i = 0; i < 8; i++) { // a ballot that finds no room was no winner
        struct motion_ballot *ballot = &m->ballots[(slot + i) & (BALLOTS - 1)];
        if (ballot->votes == 0)
            *ballot = (struct motion_ballot){.x = dx, .y = dy};
        if (ballot->x == dx && ballot->y == dy) {
            ballot->votes += ballot->votes < UINT16_MAX;
            return;
        }
    }
}

unsigned motion_elect(const struct motion *m, struct offset *ret_offset)
{
    const struct motion_ballot *best = &(struct motion_ballot){0};
    for (size_t i = 0; i < BALLOTS; i++) {
        const struct motion_ballot *b = &m->ballots[i];
        if (b->votes > best->votes && (b->x != 0 || b->y != 0))
            best = b;
    }
    if (best->votes > 0)
        *ret_offset = (struct offset){.x = best->x, .y = best->y};
    return best->votes;
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

// The vertical offset with the most votes in this area; 0: none.
static int vote_area(struct motion *m, const struct image *before, const struct image *now,
                     struct rectangle area)
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
    return m->votes[best] >= VOTES_MIN ? (int)best - (int)rows + 1 : 0;
}

// Appends how the area has scrolled.
static void find_scroll(struct motion *m, const struct image *before, const struct image *now,
                        struct rectangle area, struct offset *offsets, size_t *count)
{
    struct offset o = {0};
    struct motion_hunt hunt = {.before = before, .now = now, .area = area};
    int near = m->last.y;
    if (!motion_guess(m, &hunt, (struct offset){0, -LINES_NEAR}, (struct offset){0, LINES_NEAR}, &o) &&
        (abs(near) <= LINES_NEAR ||
         !motion_guess(m, &hunt, (struct offset){0, near - NEAR}, (struct offset){0, near + NEAR}, &o)))
        o.y = vote_area(m, before, now, area);
    bool known = o.y == 0;
    for (size_t i = 0; i < *count; i++)
        known |= offsets[i].y == o.y;
    if (!known)
        offsets[(*count)++] = o;
}

// Where the window that is being moved has gone: near where it went before, or anywhere.
static bool find_anchored(struct motion *m, const struct image *before, const struct image *now,
                          const struct grid *grid, struct rectangle area, struct offset *ret_offset)
{
    static const int distances[] = {NEAR / 3, NEAR, FAR};
    struct motion_hunt hunt = {.before = before, .now = now, .area = area};
    for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]) && m->anchored; i++) {
        int far = distances[i];
        if (motion_guess(m, &hunt, (struct offset){m->last.x - far, m->last.y - far},
                         (struct offset){m->last.x + far, m->last.y + far}, ret_offset))
            return true;
    }
    return motion_anchors_vote(m, before, now, grid, ret_offset);
}

static struct rectangle largest_area(const struct rectangle *areas, size_t count)
{
    size_t largest = 0;
    for (size_t i = 1; i < count; i++) {
        if (rectangles_area(&areas[i], 1) > rectangles_area(&areas[largest], 1))
            largest = i;
    }
    return areas[largest];
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
    if (motion_expect(m, before, now, grid, &ret_offsets[0])) {
        m->last = ret_offsets[0];
        m->failures = 0;
        return 1;
    }
    size_t count = 0;
    bool small = pixels <= ANCHOR_AREA_MAX;
    struct rectangle area = largest_area(areas, area_count);
    bool tried = m->anchored && small;
    if (tried)
        count = m->anchored = find_anchored(m, before, now, grid, area, &ret_offsets[0]);
    bool anchored = count > 0;
    for (size_t i = 0; i < area_count && count < MOTION_OFFSETS_MAX && !anchored; i++) {
        if (areas[i].width >= SIDE_MIN && areas[i].height >= SIDE_MIN)
            find_scroll(m, before, now, areas[i], ret_offsets, &count);
    }
    if (count == 0 && !tried && small)
        count = m->anchored = find_anchored(m, before, now, grid, area, &ret_offsets[0]);
    if (count > 0)
        m->last = ret_offsets[0];
    m->failures = (uint8_t)(count > 0 ? 0 : m->failures + (m->failures < SKIP_MAX));
    // A picture that plays is not searched at each of its frames.
    m->skip = (uint8_t)(m->failures > 2 ? m->failures - 2 : 0);
    return count;
}
