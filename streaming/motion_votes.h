#pragma once
// What motion.c, motion_anchors.c and motion_guess.c share: the tables that they vote in.

#include "streaming/motion.h"

#define ANCHORS_MAX 2048u
#define ANCHOR_TABLE 4096u // a power of two
#define BALLOTS 1024u      // a power of two
#define LANDMARKS_MAX 48u

struct motion_row {
    uint64_t hash;
    int32_t y; // -1: free, -2: several rows have this hash
};

struct motion_anchor {
    uint64_t hash; // 0: free
    uint16_t x, y;
    bool ambiguous;
};

struct motion_ballot {
    int16_t x, y;
    uint16_t votes; // 0: free
};

// An election of offsets: opened, voted in, and the winner's votes; 0 when nothing but standing still was voted for.
void motion_poll(struct motion *m);
void motion_cast(struct motion *m, int x, int y);
unsigned motion_elect(const struct motion *m, struct offset *ret_offset);

// A piece of a row of the new picture that is easily known again.
struct motion_landmark {
    unsigned x, y;
    const uint8_t *pixels;
};

// What is looked for in an area, near several places.
struct motion_hunt {
    const struct image *before, *now;
    struct rectangle area;
    bool begun;
    struct motion_landmark landmarks[LANDMARKS_MAX];
    size_t count;
};

// Whether most of what is new in the area has moved by one of the offsets from `first` to `last`.
bool motion_guess(struct motion *m, struct motion_hunt *hunt, struct offset first, struct offset last,
                  struct offset *ret_offset);

// Moves in any direction. Returns whether ret_offset was found.
bool motion_anchors_vote(struct motion *m, const struct image *before, const struct image *now,
                         const struct grid *grid, struct offset *ret_offset);
