#pragma once
// The last step of a program's start: it gives up what it will not need, in a fixed order, and checks that it
// is gone.

#include <stddef.h>
#include <sys/resource.h>

#include "lib/landlock.h"
#include "lib/seccomp_filter.h"

struct confine_limit {
    int resource; // RLIMIT_*
    rlim_t value; // soft and hard
};

struct confine_policy {
    const struct confine_limit *limits;
    size_t limit_count;
    const struct seccomp_rule *calls;
    size_t call_count;
    const struct landlock_keep *keep; // NULL: Landlock leaves nothing
};

// Capabilities (all sets empty), not dumpable, rlimits, no_new_privs, Landlock (but for `keep`), seccomp. The calls
// must include prctl with PR_GET_SECCOMP and must not include getppid, with which the filter is tried out. 0;
// -errno with the layer in words when one could not be put in force: the caller must end. A kernel without
// Landlock is no failure: ret_landlock is 0 then, else its ABI, and the caller tells what that leaves open.
int confine(const struct confine_policy *policy, int *ret_landlock, const char **ret_problem);
