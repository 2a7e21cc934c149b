#pragma once
// Finds content that has moved: scrolled text, dragged windows. Offsets are voted for by hashes of rows (vertical scrolls) and of short
// pieces of rows (moves in any direction); what a copy covers is then compared pixel by pixel. The new picture may change meanwhile: a wrong
// vote costs a search, and what is drawn after the comparison is new damage.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/grid.h"
#include "streaming/image.h"

// Of one update.
#define MOTION_OFFSETS_MAX 3u
#define MOTION_COPIES_MAX 6u
// A copy that brings fewer new cells is not worth its message.
#define MOTION_GAIN_MIN 8u

struct offset {
    int x, y; // target - source
};

struct motion {
    uint64_t *rows; // hashes: of the new picture's rows, then of the old one's, by strip
    struct motion_row *row_table;
    struct motion_anchor *anchors;
    struct motion_ballot *ballots;
    uint32_t *votes;   // by vertical offset
    uint8_t *fits;     // by cell
    uint16_t *heights; // by column
    unsigned left;     // cells that the last offset would have made right beside those of its copy
    struct offset last;
    struct rectangle window; // what moved last, where it is now; empty when it was nothing whole
    bool anchored;           // it is not a scroll
    uint8_t failures;        // in a row
    uint8_t skip;            // updates not to be looked at
};

int motion_init(struct motion *m, const struct grid *grid);
void motion_finish(struct motion *m);

// Offsets by which the chosen cells (CELL_CHOSEN) of `now` may lie in `before`, likeliest first, at most MOTION_OFFSETS_MAX. Searching costs
// 1 to 3 ns per pixel; after searches in vain some updates are let pass unsearched.
size_t motion_offsets(struct motion *m, const struct image *before, const struct image *now,
                      const struct grid *grid, struct offset *ret_offsets);

// Whether all that was drawn is the window that moved last, moving on, as far as a few of its rows tell.
bool motion_expect(const struct motion *m, const struct image *before, const struct image *now,
                   const struct grid *grid, struct offset *ret_offset);
// The copy that takes the window that moved last on by that offset. false when nothing is known of one, or most of where it would go has not changed.
bool motion_follow(const struct motion *m, const struct grid *grid, struct offset offset,
                   struct copy_rectangle *ret_copy);
// Notes the copies of an update, in which nothing may have moved.
void motion_note(struct motion *m, const struct grid *grid, const struct copy_rectangle *copies,
                 size_t count);

// The largest copy by that offset which would make chosen cells right that are wrong now. false when there is none worth it.
bool motion_copy(struct motion *m, const struct image *before, const struct image *now,
                 const struct grid *grid, struct offset offset, struct copy_rectangle *ret_copy);
