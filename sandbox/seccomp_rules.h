#pragma once
// The allow lists of the profiles, and the arguments refused to calls that are on them.

#include "lib/seccomp_filter.h"
#include "sandbox/profile.h"

struct seccomp_list {
    const struct seccomp_rule *rules;
    size_t count;
};

// Added up for a profile: unused ones are empty.
#define SECCOMP_LISTS_MAX 3
extern const struct seccomp_list seccomp_lists[PROFILE_COUNT][SECCOMP_LISTS_MAX];

// Requests of ioctl that fail with EPERM in every profile.
#define REFUSED_REQUESTS 3
extern const uint32_t seccomp_refused_requests[REFUSED_REQUESTS];
