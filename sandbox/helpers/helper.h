#pragma once
// A confined program that sandboxd starts for somebody, with a uid, a control group and a plan of its own: a streamer, an exporter.

#include "sandbox/cgroup/cgroup.h"
#include "sandbox/daemon/service.h"
#include "sandbox/executor/launch.h"

struct helper {
    struct service *service;
    const char *name; // for the log
    uid_t host_uid;
    bool ending;
    int failed; // positive errno
    struct cgroup cgroup;
    struct watch setup, builder, process;
    void (*started)(struct helper *helper); // its program runs
    void (*ended)(struct helper *helper);   // nothing of it is left: the owner may free it
};

// Its uid when each has its own: `number` above SANDBOX_UID_BASE.
void helper_init(struct helper *helper, struct service *service, const char *name, uint32_t number);
void helper_finish(struct helper *helper);
// Joins the group `group` with those limits and runs the plan. -errno: nothing was started, or `ended` is called for what was.
int helper_launch(struct helper *helper, struct launch *launch, const char *group,
                  const struct sandbox_limits *limits);
// Kills it.
void helper_end(struct helper *helper);
