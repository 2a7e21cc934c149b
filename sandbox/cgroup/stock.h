#pragma once
// Groups that are ready before a sandbox asks for them, and those of ended sandboxes that are still to be removed. To make the directories of all
// hierarchies, and to remove them, takes the kernel longer than anybody need wait for.

#include "sandbox/cgroup/cgroup.h"

#define CGROUP_STOCK_READY 4
#define CGROUP_STOCK_OLD 32

struct cgroup_stock {
    const struct cgroup_root *root;
    const char *prefix;           // of the groups' names; a number follows
    struct sandbox_limits limits; // of those that are ready
    struct cgroup ready[CGROUP_STOCK_READY];
    unsigned ready_count, wanted; // as many are ready, and as many should be
    struct cgroup old[CGROUP_STOCK_OLD];
    unsigned old_count;
    uint32_t made;
};

// Takes one out, or makes one. 0 or -errno.
int cgroup_stock_take(struct cgroup_stock *stock, const struct sandbox_limits *limits,
                      struct cgroup *ret_cgroup);
// Proves that no process is in it any more and gives it back, which clears the name; -EBUSY while one is. The usage was read before. Where no
// stock is wanted it is gone then, else soon.
int cgroup_stock_give_back(struct cgroup_stock *stock, struct cgroup *cgroup);
// One step of what is to be done when nothing else is: true when there may be another one.
bool cgroup_stock_tend(struct cgroup_stock *stock);
// Removes all that it holds.
void cgroup_stock_finish(struct cgroup_stock *stock);
