#pragma once
// A parked sandbox for a command, made and claimed by the executor alone: no sandboxd, no message of a client.

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/cgroup/stock.h"
#include "sandbox/executor/foundation.h"
#include "sandbox/executor/launch.h"

struct direct {
    struct cgroup_root cgroups;
    struct cgroup_stock *stock; // as in sandboxd; NULL: its groups are made and removed in its time
    struct cgroup cgroup;
    struct plan plan;
    int null_fd;
    struct foundation foundation; // as in the spawner; FOUNDATION_NONE: none
    bool fresh_network;           // its stock of networks stays empty
    int setup, channel, init, mounts;
};

// Whatever fails ends the program.
void direct_prepare(struct direct *direct, bool foundation);
void direct_park(struct direct *direct, const char *name); // of its control group, where there is no stock
// What sandboxd and its spawner do when nothing else is to do; with a stock.
void direct_tend(struct direct *direct);
// Keeps groups ready from here on.
void direct_stock(struct direct *direct, const char *prefix, struct cgroup_stock *stock);
// From the claim to the end of the command, which is what waitpid tells of posix_spawn.
void direct_claim(struct direct *direct, bool limits);
void direct_clean(struct direct *direct);

#define DIRECT_PROGRAM "/usr/bin/true"
// posix_spawn and waitpid of it; milliseconds.
double direct_spawn(void);
uint64_t direct_now_ns(void);
int direct_compare(const void *a, const void *b); // doubles, for qsort(3)
