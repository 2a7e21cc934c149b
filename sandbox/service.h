#pragma once
// What the parts of sandboxd share: the tables of sandboxes and streamers, and the resources they are made
// of.

#include "lib/limits.h"
#include "lib/sandboxd_channel.h"
#include "sandbox/cgroup.h"
#include "sandbox/plan.h"
#include "sandbox/settings.h"
#include "sandbox/watch.h"

#define STREAMERS_MAX (SANDBOX_MAX_TOTAL * VIEWER_MAX)
// From SANDBOX_UID_BASE on: accounts, then streamers, then sandbox-egress.
#define EGRESS_UID_OFFSET (ACCOUNT_NUMBER_MAX + 1 + STREAMERS_MAX)
#define HOST_UIDS_COUNT (EGRESS_UID_OFFSET + 1)

struct client;
struct egress;
struct sandbox;
struct streamer;

struct service {
    const struct settings *settings;
    const struct layer_report *layers;
    struct plan_host host;
    struct cgroup_root cgroups;
    int epoll;
    int null_fd;
    bool stopping;         // no new sandboxes
    struct client *client; // or NULL
    struct egress *egress;
    uint64_t client_count; // clients so far: tells an answer for an earlier one
    unsigned sandbox_count;
    struct sandbox *sandboxes[SANDBOX_MAX_TOTAL]; // by slot
    struct streamer *streamers[STREAMERS_MAX];    // by slot
};
