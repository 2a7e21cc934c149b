#pragma once
// The allow lists of the profiles, and the arguments refused to calls that are on them.

#include "lib/seccomp_filter.h"
#include "sandbox/plan/profile.h"

struct seccomp_list {
    const struct seccomp_rule *rules;
    size_t count;
};

// Added up for a profile: unused ones are empty.
#define SECCOMP_LISTS_MAX 3
extern const struct seccomp_list seccomp_lists[PROFILE_COUNT][SECCOMP_LISTS_MAX];

// What is refused to calls that are on the list, in every profile: the call fails with that error when one argument, or two, have these
// values. Rules of one call stand together.
struct seccomp_refusal {
    int call;
    uint16_t error;
    // (the low half of the argument & mask) == value; no second condition when its mask is 0.
    struct {
        uint8_t number;
        uint32_t mask, value;
    } arguments[2];
};
extern const struct seccomp_refusal seccomp_refusals[];
extern const size_t seccomp_refusal_count;
