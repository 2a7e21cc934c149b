#pragma once
// When a sandbox is parked, as a function of what there is. Touches nothing.

#include <stdbool.h>
#include <stdint.h>

#include "lib/sandboxd_channel.h"

struct pool_row {       // of one template
    unsigned size;      // wanted
    unsigned ready;     // parked
    unsigned others;    // being built, or ending
    uint32_t memory_mb; // the most that one may hold while it is parked
    unsigned losses;    // in a row: parked ones that failed or died before anybody claimed one
    uint64_t wait_us;   // none is built before
};

struct pool_rules {
    struct pool_row rows[TEMPLATE_COUNT];
    uint32_t memory_mb;   // for all of them together
    uint64_t starting_us; // until then the client's own starts under way go first; 0: there are none
};

#define POOL_NONE (-1)
#define POOL_NEVER UINT64_MAX

// The template of which one is to be built now, or POOL_NONE; then ret_again_us tells when the answer may change by time alone.
int pool_next(const struct pool_rules *rules, uint64_t now_us, uint64_t *ret_again_us);
// The most memory that the parked ones may hold.
uint64_t pool_held_mb(const struct pool_rules *rules);
// How many of that template may be parked at all, beside the others' sizes before it.
unsigned pool_fitting(const struct pool_rules *rules, unsigned template_id);
// One is gone without an owner after it has lived so long: the next waits, twice as long each time.
void pool_lost(struct pool_row *row, uint64_t now_us, uint64_t lived_us);
// One was ended because the host's files are others now: the next waits until whoever replaces them is perhaps done.
void pool_renewed(struct pool_row *row, uint64_t now_us);
// One was claimed: parking works.
void pool_used(struct pool_row *row);
