#pragma once
// The network policy of a sandbox: as it comes from the client in pieces, as it is kept, and what sandbox-egress knows of it.

#include <stdbool.h>

#include "lib/egress_channel.h"
#include "lib/sandboxd_channel.h"

// A policy that never changes: who keeps one takes a reference. It holds secrets, which go with the last reference.
struct network_policy {
    unsigned references;
    struct egress_policy content;
    struct egress_rule rules[EGRESS_RULES_MAX];
    struct egress_header headers[EGRESS_HEADERS_MAX];
};

struct network_policy *network_policy_ref(struct network_policy *policy);
void network_policy_unref(struct network_policy *policy); // NULL is fine

// A policy on its way from the client.
struct network_staging {
    struct network_policy *policy; // NULL: none
    uint32_t rules_left, headers_left;
};

// NETWORK_BEGIN, NETWORK_HEADER, NETWORK_RULE. 0, -EPROTO out of order, -ENOMEM.
int network_stage(struct network_staging *staging, const struct sandboxd_message *message);
// Takes it out, with its reference, or gives NULL when it is not there as a whole.
struct network_policy *network_take_staged(struct network_staging *staging);
void network_staging_finish(struct network_staging *staging);

// One sandbox's way out (egress_sync.c). "The proxy" is the sandbox-egress that runs now.
struct network {
    int listener;                   // in the sandbox's network namespace; -1: not there yet
    struct network_policy *policy;  // NULL: nothing may be reached
    uint64_t serial;                // of the policy; 0: there never was one
    bool added;                     // the proxy was told of the sandbox
    uint64_t told_serial;           // the latest policy that the proxy was told; 0: none
    uint64_t settled_serial;        // the latest that it answered for; no further one is told before
    struct network_policy *told;    // the policy of told_serial
    struct network_policy *held;    // what is in force; NULL: nothing may be reached
    bool leaving, removing;         // the sandbox ends; the proxy was told so
    uint64_t client, client_serial; // who set the policy, and awaits NETWORK_SET when client_serial is not 0
    bool count_due;
    struct egress_counters before;  // what earlier proxies counted
    struct egress_counters counted; // what the present one said last
};
