#pragma once
// The way out of one command's sandbox: a sandbox-egress of its own.

#include "lib/egress_channel.h"
#include "sandbox/plan/plan.h"
#include "sandbox/run/options.h"

struct run_network {
    int process; // pidfd of the proxy; -1: the command has no network
    int channel;
    int setup; // while it starts
    uid_t uid;
    struct id sandbox;
    struct egress_counters counters; // once it has ended
    bool counted;
};

#define RUN_NETWORK_NONE                                                                                     \
    {                                                                                                        \
        .process = -1, .channel = -1, .setup = -1                                                            \
    }

// Starts it and waits until it serves. 0, or -errno after a line on standard error.
int run_network_start(struct run_network *network, const struct plan_host *host, uid_t uid);
// Gives it the listener and the rules, and waits until they are in force. Takes the descriptor. 0 or -errno.
int run_network_admit(struct run_network *network, const struct options *options, int listener);
// Reads the counters and ends it.
void run_network_finish(struct run_network *network);
