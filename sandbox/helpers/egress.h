#pragma once
// sandbox-egress as sandboxd sees it: one process for all sandboxes, started again whenever it ends, and told what it has to know. It is
// never waited for: what it does not read waits here as a state, and one that does not answer in time is killed.

#include "sandbox/life/sandbox.h"

// Starts it. Where it can't be started, sandboxes run without a way out until it can. 0 or -errno: memory is out.
int egress_start(struct service *service);
// Begins its end: for a service that has no sandbox left. egress_gone tells when that is over.
void egress_stop(struct service *service);
bool egress_gone(const struct service *service);
void egress_free(struct service *service);

// egress_sync.c
void egress_network_init(struct network *network);
// After the end of the sandbox, or when its start has failed.
void egress_network_finish(struct network *network);
// The listener of the sandbox is there: the proxy serves it from now on. Takes the descriptor.
void egress_take_listener(struct sandbox *sandbox, int fd);
// Another policy, whose reference is taken; NULL: nothing may be reached. client_serial 0: nobody waits; else NETWORK_SET follows.
void egress_set_policy(struct sandbox *sandbox, struct network_policy *policy, uint64_t client_serial);
// Nothing can get out against the policy that was set last: it is in force, or no proxy serves the sandbox.
bool egress_settled(const struct sandbox *sandbox);
// The sandbox ends. True while the proxy still has to say what it counted; sandbox_finish is called then.
bool egress_leaving(struct sandbox *sandbox);
// egress_count.c
// What all proxies have counted together is told to the client.
void egress_tell_totals(struct service *service);
void egress_usage(const struct sandbox *sandbox, struct sandbox_usage *usage);

// Between the two files.
struct egress {
    struct service *service;
    enum egress_state { EGRESS_DOWN, EGRESS_STARTING, EGRESS_UP, EGRESS_KILLED } state;
    bool stopping; // not to be started again
    uid_t host_uid;
    struct cgroup cgroup;
    struct watch setup, process, channel, timer;
    unsigned starts;   // so far
    unsigned failures; // ends since it last ran for a while
    unsigned removals; // tries to remove its group
    uint64_t started_us;
    uint64_t serial;                      // of the latest policy of any sandbox
    unsigned unanswered;                  // requests that have an answer
    bool blocked;                         // it has not read what was sent
    bool totals_due;                      // they are to be asked for
    struct egress_totals before, counted; // of earlier ones, and of this one
    unsigned cursor;                      // slot of the sandbox whose turn it is
    struct {
        struct sandbox *sandbox; // NULL: none
        struct network_policy *policy;
        uint64_t serial;
        uint32_t position; // pieces that were sent
    } sending;             // a policy half way through
};
// Sends what the proxy does not know yet, as far as it reads.
void egress_sync(struct egress *egress);
// One answer. 0 or -EPROTO.
int egress_handle(struct egress *egress, const struct egress_message *message);
// Asks what it counted, for each sandbox and together.
void egress_count_all(struct egress *egress);
// Its answer to that. 0 or -EPROTO.
int egress_take_totals(struct egress *egress, const struct egress_totals *totals);
// The proxy is gone: what it counted is added to what those before had counted.
void egress_keep_counted(struct network *network);
void egress_keep_totals(struct egress *egress);
// The proxy is gone, and with it all that it knew.
void egress_forget(struct egress *egress);
// It can't be worked with any more: it is killed, and started again once it is reaped.
void egress_give_up(struct egress *egress, const char *why);
// Something was sent or answered: its patience begins anew.
void egress_progress(struct egress *egress);
