#pragma once
// What the parts of sandboxd share: the tables of sandboxes and streamers, and the resources they are made
// of.

#include "lib/limits.h"
#include "lib/sandboxd_channel.h"
#include "sandbox/cgroup/stock.h"
#include "sandbox/daemon/settings.h"
#include "sandbox/daemon/watch.h"
#include "sandbox/life/uids.h"
#include "sandbox/plan/plan.h"

// The client's, and those that wait for an owner.
#define SANDBOX_SLOTS (SANDBOX_MAX_TOTAL + SANDBOX_POOL_MAX * TEMPLATE_COUNT)

struct client;
struct egress;
struct exporter;
struct pool;
struct sandbox;
struct streamer;
struct ticker;

struct service {
    const struct settings *settings;
    const struct layer_report *layers;
    struct plan_host host;
    struct cgroup_root cgroups;
    struct cgroup_stock stock; // of groups of sandboxes
    int epoll;
    int null_fd;
    bool stopping;         // no new sandboxes
    struct client *client; // or NULL
    struct egress *egress;
    struct ticker *ticker; // NULL: none is wanted
    uint64_t client_count; // clients so far: tells an answer for an earlier one
    struct uids uids;
    struct pool *pool;                         // NULL: nothing is kept ready
    unsigned sandbox_count;                    // of the client
    unsigned parked_count;                     // of nobody yet
    struct sandbox *sandboxes[SANDBOX_SLOTS];  // by slot
    struct streamer *streamers[STREAMERS_MAX]; // by slot
    struct exporter *exporters[EXPORTERS_MAX]; // by slot
};
