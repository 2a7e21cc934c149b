#pragma once
// The tables that motion.c and motion_anchors.c vote in.

#include "streaming/motion.h"

#define ANCHORS_MAX 2048u
#define ANCHOR_TABLE 4096u // a power of two
#define BALLOTS 1024u      // a power of two

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

// Moves in any direction. Returns whether ret_offset was found.
bool motion_anchors_vote(struct motion *m, const struct image *before, const struct image *now,
                         const struct grid *grid, struct offset *ret_offset);
