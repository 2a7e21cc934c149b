#include "sandbox/cgroup/stock.h"

#include <errno.h>
#include <stdio.h>

static bool same_limits(const struct sandbox_limits *a, const struct sandbox_limits *b)
{
    return a->memory_mb == b->memory_mb && a->cpu_percent == b->cpu_percent && a->pids == b->pids;
}

static int make(struct cgroup_stock *stock, const struct sandbox_limits *limits, struct cgroup *ret_cgroup)
{
    char name[CGROUP_NAME_MAX];
    if (snprintf(name, sizeof(name), "%s%u", stock->prefix, stock->made++) >= (int)sizeof(name))
        return -ENAMETOOLONG;
    return cgroup_make(stock->root, name, limits, ret_cgroup);
}

int cgroup_stock_take(struct cgroup_stock *stock, const struct sandbox_limits *limits,
                      struct cgroup *ret_cgroup)
{
    if (stock->ready_count == 0)
        return make(stock, limits, ret_cgroup);
    struct cgroup cgroup = stock->ready[--stock->ready_count];
    int error = same_limits(limits, &stock->limits) ? 0 : cgroup_set_limits(stock->root, &cgroup, limits);
    if (error) {
        cgroup_remove(stock->root, &cgroup);
        return error;
    }
    *ret_cgroup = cgroup;
    return 0;
}

int cgroup_stock_give_back(struct cgroup_stock *stock, struct cgroup *cgroup)
{
    bool room = stock->wanted > 0 && stock->old_count < CGROUP_STOCK_OLD;
    int error = cgroup->name[0] && room ? cgroup_empty(stock->root, cgroup) : -ENOBUFS;
    if (error == -EBUSY)
        return error;
    if (error) // then its removal is the proof
        return cgroup_remove(stock->root, cgroup);
    stock->old[stock->old_count++] = *cgroup;
    cgroup->name[0] = '\0';
    return 0;
}

bool cgroup_stock_tend(struct cgroup_stock *stock)
{
    if (stock->root->backend == CGROUP_NONE)
        return false;
    if (stock->old_count > 0) {
        // The kernel may keep an empty one busy for a moment: then it is tried again when something else has been done.
        struct cgroup *last = &stock->old[stock->old_count - 1];
        if (cgroup_remove(stock->root, last) == -EBUSY)
            return false;
        stock->old_count--;
        return true;
    }
    if (stock->ready_count >= stock->wanted ||
        make(stock, &stock->limits, &stock->ready[stock->ready_count]) < 0)
        return false;
    stock->ready_count++;
    return true;
}

void cgroup_stock_finish(struct cgroup_stock *stock)
{
    while (stock->old_count > 0)
        cgroup_remove(stock->root, &stock->old[--stock->old_count]);
    while (stock->ready_count > 0)
        cgroup_remove(stock->root, &stock->ready[--stock->ready_count]);
}
