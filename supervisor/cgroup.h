#pragma once
// The control groups that sandboxd may build in: one delegated group per mounted hierarchy, all under the
// same name.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CGROUP_HIERARCHIES_MAX = 8, CGROUP_PATH_MAX = 512 };

struct cgroup_hierarchy {
    char path[CGROUP_PATH_MAX]; // the delegated group's directory
    bool unified;               // cgroup2; at most one
};

struct cgroup {
    char name[CGROUP_PATH_MAX]; // relative to each mount root, begins with '/'
    struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES_MAX];
    unsigned count;
    bool limits_memory, limits_processes, limits_cpu;
};

// Makes the groups below each hierarchy's mount root and gives them to uid:gid. Whatever an earlier run left
// under the name is ended and removed first. On failure nothing is left behind. -ENOTSUP when no cgroup2
// hierarchy is mounted.
int cgroup_create(const char *name, uid_t uid, gid_t gid, struct cgroup *ret_cgroup);
// In a forked child, as root: moves the process into the leaf for sandboxd itself.
int cgroup_join_daemon(const struct cgroup *cgroup);
// Kills every process in the groups, waits until the kernel says that they are empty (at most two seconds,
// else -ETIMEDOUT) and removes all groups that sandboxd made. The delegated groups stay.
int cgroup_clear(const struct cgroup *cgroup);
// cgroup_clear and removal of the delegated groups.
int cgroup_remove(const struct cgroup *cgroup);
