#pragma once
// One sandbox from CREATE to its last process: built, started, watched, ended.

#include "lib/cleanup.h"
#include "sandbox/desktop.h"
#include "sandbox/network.h"
#include "sandbox/service.h"

enum sandbox_state {
    SANDBOX_BUILDING, // the plan runs
    SANDBOX_STARTING, // sandbox-init runs, the desktop is not up
    SANDBOX_READY,
    SANDBOX_ENDING, // killed; waiting for the proof that nothing is left
};

struct sandbox {
    struct service *service;
    unsigned slot;
    struct sandboxd_create request;
    uid_t host_uid;
    uint64_t created_us;
    enum sandbox_state state;
    enum stop_reason reason;
    enum start_stage failed_stage; // with reason STOP_START_FAILED
    int failed_error;              // positive errno
    const char *failed_operation;  // of the plan; NULL: something else failed
    struct cgroup cgroup;
    struct desktop desktop;
    bool desktop_up; // READY follows as soon as its network policy holds
    struct network network;
    unsigned viewers;
    unsigned removals;          // tries to remove its groups
    struct sandbox_usage usage; // when it ended
    struct watch setup;         // set-up socket
    struct watch builder;       // pidfds
    struct watch init;
    struct watch channel; // of sandbox-init
    struct watch timer;   // end of the start's patience, then of waiting for an empty cgroup
};

// Starts one. 0: the client hears READY, FAILED or ENDED later; -errno with ret_stage: refused, nothing
// exists.
// policy: NULL, or a reference that the callee takes in any case.
int sandbox_create(struct service *service, const struct sandboxd_create *request,
                   struct network_policy *policy, enum start_stage *ret_stage);
struct sandbox *sandbox_find(struct service *service, const struct id *id);
// Begins the end; the first reason stays.
void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason);
void sandbox_stop_all(struct service *service, enum stop_reason reason);
// Other limits for a running one. -ERANGE over the service's own, -ENOTSUP without control groups, -ESHUTDOWN while it ends; the old ones
// hold after any failure.
int sandbox_set_limits(struct sandbox *sandbox, const struct sandbox_limits *limits);
void sandbox_describe(const struct sandbox *sandbox, struct sandboxd_entry *ret_entry);
// Its network policy is in force, or nobody serves its network.
void sandbox_network_settled(struct sandbox *sandbox);
// A streamer of it is gone.
void sandbox_viewer_ended(struct sandbox *sandbox);

// sandbox_events.c
int sandbox_watch(struct sandbox *sandbox, int setup, int builder, int channel);
// The end, once nothing of it runs.
void sandbox_finish(struct sandbox *sandbox);
int sandbox_set_timer(struct sandbox *sandbox, uint64_t ns);
void sandbox_fail(struct sandbox *sandbox, enum start_stage stage, int error);
uint64_t sandbox_now_us(void);
