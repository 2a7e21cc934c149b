#pragma once
// Gives a parked sandbox to its owner: a short-lived child of sandboxd gives the home the sandbox's uid and mounts it inside.

#include <stdbool.h>
#include <sys/types.h>

#include "lib/sandboxd_channel.h"

struct claim {
    const char *storage;
    const char *home; // its name in there
    uid_t host_uid;   // of the sandbox
    bool own_uids;
    int init;                     // pidfd of its pid 1
    uint32_t tmpfs_mb;            // the memory that its tmpfs were sized for
    struct sandbox_limits limits; // the owner's
};

// Starts the child. Everything that `claim` points to stays the caller's. The status tells the end, see claim_result; *ret_over hangs up when
// nobody works on the home any more: who does it for the child outlives a killed one for a moment.
int claim_start(const struct claim *claim, int *ret_pidfd, int *ret_over);

enum claim_result {
    CLAIM_DONE,
    CLAIM_UNFIT,  // the home does not suit; neither it nor the sandbox was touched
    CLAIM_FAILED, // the sandbox is spoilt, and the home may have its uid
};
// From the child's status as waitpid(2). ret_why: for the log.
enum claim_result claim_result(int status, const char **ret_why);

// The most entries of a home that is worth a walk: it takes a third of the time of a cold start then (docs/PERFORMANCE.md).
#define CLAIM_ENTRIES_MAX 2000u
