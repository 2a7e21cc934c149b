#pragma once
// A small child that outlives a killed supervisor: it waits until every program has ended (their death
// signals ask them to), kills what doesn't, and removes control groups and run/.

#include <sys/types.h>

#include "supervisor/cgroup.h"
#include "supervisor/state_dir.h"

struct sweeper {
    pid_t pid;
    int channel;
    const struct state_dir *state;
    const struct cgroup *cgroup; // or NULL
};

// Forks it. It keeps the state directory's ending lock. cgroup may be NULL; both are borrowed.
int sweeper_start(const struct state_dir *state, const struct cgroup *cgroup, struct sweeper *ret_sweeper);
// Another one in place of one that has ended: it knows no process yet.
int sweeper_renew(struct sweeper *sweeper);
// Tells it of one more process to wait for.
int sweeper_watch(const struct sweeper *sweeper, pid_t pid);
// Lets it end without doing anything and waits for that: the supervisor has cleaned up itself.
void sweeper_dismiss(struct sweeper *sweeper);
