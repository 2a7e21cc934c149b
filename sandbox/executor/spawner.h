#pragma once
// A small process of one thread that sandboxd forks when it starts. It forks the parked sandboxes, so that neither the forks nor the plans
// hold up sandboxd's loop. What it makes become children of sandboxd (CLONE_PARENT), which watches them as its own: the spawner's
// end ends nothing but itself.

#include <stdint.h>
#include <sys/types.h>

#include "lib/sandboxd_channel.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/executor/foundation.h"
#include "sandbox/plan/plan.h"

struct spawn_request { // with two descriptors: the child's ends of set-up socket and channel
    uint32_t slot;
    uint32_t template_id;
    uint32_t host_uid;
    uint32_t reserved;
    struct sandbox_limits limits; // for which the tmpfs are sized
    char cgroup[CGROUP_NAME_MAX]; // made by sandboxd; empty: none
};

#define SPAWN_DROP '-' // a packet of this one byte, with a descriptor to be closed
#define SPAWN_NO_SLOT UINT32_MAX

struct spawn_answer { // with one descriptor unless it failed: the pidfd of the builder
    uint32_t slot;    // SPAWN_NO_SLOT: news, without a descriptor
    int32_t error;    // positive errno
    uint32_t template_id;
    int32_t foundation_error; // positive errno: why the spawner has none
    uint64_t files; // news: what sandboxes of that template show of the host from here on (host_files.h)
};

struct spawner_setup {
    const struct plan_host *host;
    const struct cgroup_root *cgroups;
    int null_fd;
    struct foundation_ids ids; // which of the host's uids its sandboxes get
};

struct spawner {
    int pidfd;
    int channel; // non-blocking; answers come here
    pid_t group; // process group of its builders
};

int spawner_start(const struct spawner_setup *setup, struct spawner *ret_spawner);
int spawner_ask(const struct spawner *spawner, const struct spawn_request *request, int setup, int channel);
// Passes it a descriptor whose close may take long: it becomes the last that has it, when the caller closes its own. -EAGAIN when it is busy.
int spawner_drop(const struct spawner *spawner, int fd);
// 0, -EAGAIN, -ECONNRESET when it is gone, -EPROTO.
int spawner_receive(const struct spawner *spawner, struct spawn_answer *ret_answer, int *ret_builder);
// Reaps builders of that group whose pidfds were lost with their spawner. False while one of them runs.
bool spawner_reap_group(pid_t group);
