#pragma once
// One sandbox from CREATE to its last process: built, started, watched, ended.

#include "lib/cleanup.h"
#include "sandbox/daemon/service.h"
#include "sandbox/helpers/network.h"
#include "sandbox/life/desktop.h"

enum sandbox_state {
    SANDBOX_WAITING,  // for the claim of another one of the same owner, which decides the home's uid
    SANDBOX_BUILDING, // the plan runs
    SANDBOX_STARTING, // sandbox-init runs, the desktop is not up
    SANDBOX_PARKED,   // the desktop is up and waits for an owner
    SANDBOX_CLAIMING, // it has an owner, whose home is on its way
    SANDBOX_READY,
    SANDBOX_ENDING, // killed; waiting for the proof that nothing is left
};

struct sandbox {
    struct service *service;
    unsigned slot;
    struct sandboxd_create request; // without an owner: nil ids, and the limits while it waits
    uid_t host_uid;
    bool parked;          // it was built before it had an owner
    bool uid_taken;       // it has a uid of service->uids
    bool uid_used;        // a home may have its uid
    uid_t home_uid;       // claimed: whose the home was before
    const char *cold_why; // why nothing parked was claimed
    bool spawning;        // the spawner has not answered yet
    uint64_t files;       // of the host, that it shows (host_files.h); known for those of the spawner
    bool renewed;         // it ends because others show newer files
    pid_t lost_builders;  // process group of a builder whose pidfd went with its spawner; 0: none
    int parked_listener;  // of its network, until it has an owner; else -1
    int mounts; // namespace of a command's sandbox: its end does not wait until they are gone; else -1
    uint64_t parked_cpu_us; // used before it had an owner
    bool commanded;         // RUN was passed on
    int command_status;     // as waitpid(2)
    uint64_t created_us;
    enum sandbox_state state;
    enum stop_reason reason;
    enum start_stage failed_stage; // with reason STOP_START_FAILED
    int failed_error;              // positive errno
    const char *failed_operation;  // of the plan; NULL: something else failed
    struct cgroup cgroup;
    struct desktop desktop;
    bool again;  // its claim failed: when nothing of it is left, what was asked for is started cold
    bool usable; // READY follows as soon as its network policy holds
    struct network network;
    unsigned viewers;
    bool asked;                 // pid 1 was, to end everything and itself
    uint64_t written_bytes;     // as pid 1 has told by its end; UINT64_MAX: unknown
    unsigned removals;          // tries to remove its groups
    struct sandbox_usage usage; // when it ended
    struct watch setup;         // set-up socket
    struct watch builder;       // pidfds
    struct watch init;
    struct watch claim;   // hangs up when it is over
    int claimer;          // its pidfd; -1: none
    struct watch channel; // of sandbox-init
    struct watch timer;   // end of the start's patience, then of waiting for an empty cgroup
};

// Starts one. 0: the client hears READY, FAILED or ENDED later; -errno with ret_stage: refused, nothing exists.
// policy: NULL, or a reference that the callee takes in any case.
int sandbox_create(struct service *service, const struct sandboxd_create *request,
                   struct network_policy *policy, enum start_stage *ret_stage);
// The client's of that id, or NULL.
struct sandbox *sandbox_find(struct service *service, const struct id *id);
// Begins the end; the first reason stays, but for one that would be started again, and is not then.
void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason);
void sandbox_stop_all(struct service *service, enum stop_reason reason);
// Pid 1 has closed its channel. When it was asked to end, nothing is left that could run: freeing it needs no limit of the processor.
void sandbox_only_freed(struct sandbox *sandbox);
// Kills all that is left of one that ends, without waiting for what pid 1 makes of it.
void sandbox_kill(struct sandbox *sandbox);
// Passes the one command on. -EPROTO when it is not for this sandbox, or not now.
int sandbox_run(struct sandbox *sandbox, const struct command_words *command);
// Other limits for a running one. -ERANGE over the service's own, -ENOTSUP without control groups, -ESHUTDOWN while it ends; the old ones
// hold after any failure.
int sandbox_set_limits(struct sandbox *sandbox, const struct sandbox_limits *limits);
// What it used since it has an owner.
void sandbox_usage(const struct sandbox *sandbox, struct sandbox_usage *ret_usage);
void sandbox_describe(const struct sandbox *sandbox, struct sandboxd_entry *ret_entry);
// Its network policy is in force, or nobody serves its network.
void sandbox_network_settled(struct sandbox *sandbox);
// A streamer of it is gone.
void sandbox_viewer_ended(struct sandbox *sandbox);

static inline bool sandbox_has_owner(const struct sandbox *sandbox)
{
    return sandbox && !id_is_nil(&sandbox->request.sandbox);
}

// sandbox.c, for the other files of this part
struct sandbox *sandbox_new(struct service *service, const struct sandboxd_create *request);
void sandbox_free(struct sandbox *sandbox);
// Into the table of the service, which owns it from here on.
void sandbox_enter(struct sandbox *sandbox);
// Its groups, display and channel: all that is made before the plan runs. The child's end of the channel is the caller's.
int sandbox_prepare(struct sandbox *sandbox, const struct sandbox_limits *limits, int *ret_ours,
                    int *ret_theirs, enum start_stage *ret_stage);
// One of the uids that no home has.
int sandbox_take_uid(struct sandbox *sandbox);
// A desktop with the home's own uid. On failure it is as before.
int sandbox_start_cold(struct sandbox *sandbox, enum start_stage *ret_stage);

// sandbox_home.c: whose uid a home has, and who uses it.
// The uid for a cold start. -EPERM: another owner's sandbox runs with it.
int sandbox_find_uid(struct service *service, const struct sandboxd_create *request, uid_t *ret_uid);
// Another one of that owner that has its home and is not proven gone, or NULL.
struct sandbox *sandbox_of_owner(struct service *service, const struct id *owner);

// sandbox_park.c
struct spawner;
// Has one built that waits for an owner. On failure nothing is left.
int sandbox_park(struct service *service, const struct spawner *spawner, unsigned template_id,
                 const struct sandbox_limits *limits);
// Has the spawner build what was prepared; its tmpfs are sized for these limits. Takes `channel`, not `theirs`.
int sandbox_spawn(struct sandbox *sandbox, const struct spawner *spawner, const struct sandbox_limits *limits,
                  int channel, int theirs);
// The spawner's answer: the builder's pidfd, or a positive errno.
void sandbox_spawned(struct sandbox *sandbox, int builder, int error);
// The spawner ended before it answered.
void sandbox_spawn_lost(struct sandbox *sandbox, pid_t group);
// False while a builder is left that only its group tells of; it is asked again later.
bool sandbox_builders_gone(struct sandbox *sandbox);

// sandbox_claim.c
// Gives a parked one to the request's owner, if one fits. True: the client hears of it later; false: a cold start is due, ret_why says why.
// The policy is taken only when it is true.
bool sandbox_claim(struct service *service, const struct sandboxd_create *request,
                   struct network_policy **policy, const char **ret_why);
// What was claimed does not come up. It is ended, and what the client asked for is started cold then.
void sandbox_claim_lost(struct sandbox *sandbox, const char *why);
// Nothing of it is left but the client's wish (`again`).
void sandbox_start_again(struct sandbox *sandbox);
// Starts those that waited for the end of that owner's claim.
void sandbox_resume(struct service *service, const struct id *owner);

// sandbox_events.c
// The desktop is usable: tells the client once the network policy holds.
void sandbox_ready(struct sandbox *sandbox);
int sandbox_watch_builder(struct sandbox *sandbox, int pidfd);
// builder -1: it is not known yet.
int sandbox_watch(struct sandbox *sandbox, int setup, int builder, int channel);
// The end, once nothing of it runs.
void sandbox_finish(struct sandbox *sandbox);
int sandbox_set_timer(struct sandbox *sandbox, uint64_t ns);
void sandbox_fail(struct sandbox *sandbox, enum start_stage stage, int error);
uint64_t sandbox_now_us(void);
