#pragma once
// The channel between sandboxd and sandbox-egress (fd 3 of it). sandboxd commands, sandbox-egress answers each request
// that has an answer in the order they came. sandbox-egress ends with the channel.
//
// A policy travels as POLICY_BEGIN, its HEADERs and RULEs in order, POLICY_COMMIT, all for one sandbox and with nothing
// between them; it takes effect as a whole at COMMIT. A sandbox without a policy may reach nothing.

#include <stddef.h>
#include <stdint.h>

#include "lib/egress_reason.h"
#include "lib/egress_rule.h"
#include "lib/ids.h"
#include "lib/ipc.h"
#include "lib/limits.h"

#define EGRESS_CHANNEL_VERSION 2u
#define EGRESS_CHANNEL_FD 3
#define EGRESS_LISTENER_PORT 3128 // on 127.0.0.1 inside each sandbox

enum egress_kind {
    // sandboxd to sandbox-egress
    EGRESS_ADD =
        1, // with one descriptor: a bound TCP socket in the sandbox's network namespace; ADDED, REFUSED
    EGRESS_REMOVE,       // its connections are closed; REMOVED with the last counters, REFUSED
    EGRESS_POLICY_BEGIN, // no answer, as for HEADER and RULE
    EGRESS_HEADER,
    EGRESS_RULE,
    EGRESS_POLICY_COMMIT, // POLICY_IN_FORCE, REFUSED
    EGRESS_COUNT,         // COUNTERS, REFUSED
    EGRESS_COUNT_ALL,     // TOTALS
    // sandbox-egress to sandboxd
    EGRESS_READY = 64, // once, confined and serving
    EGRESS_ADDED,
    EGRESS_REFUSED,
    EGRESS_POLICY_IN_FORCE,
    EGRESS_COUNTERS,
    EGRESS_REMOVED,
    EGRESS_TOTALS, // of all sandboxes since the start of sandbox-egress
};

struct egress_add {
    struct id sandbox;
    uint64_t byte_quota;         // both directions together; 0: none
    uint32_t connection_maximum; // 1 .. EGRESS_CONNECTIONS_PER_SANDBOX_MAX
    uint32_t reserved;
};

struct egress_of_sandbox { // REMOVE, COUNT, ADDED
    struct id sandbox;
};

struct egress_policy_begin {
    struct id sandbox;
    uint32_t rule_count;   // 0 .. EGRESS_RULES_MAX
    uint32_t header_count; // 0 .. EGRESS_HEADERS_MAX
};

struct egress_header_message {
    struct id sandbox;
    struct egress_header header;
};

struct egress_rule_message {
    struct id sandbox;
    struct egress_rule rule;
};

struct egress_policy_commit {
    struct id sandbox;
    uint64_t serial; // sandboxd's own number for this policy
};

struct egress_ready {
    uint32_t version;
    uint32_t connection_maximum; // of all sandboxes together
};

struct egress_refused {
    struct id sandbox;
    uint32_t request; // enum egress_kind
    int32_t error;    // positive errno: ENOENT no such sandbox, EEXIST, ENOSPC too many, EINVAL, ENOMEM
};

struct egress_policy_in_force {
    struct id sandbox;
    uint64_t serial;
    uint32_t closed; // connections that the new policy forbids
    uint32_t reserved;
};

struct egress_counters { // COUNTERS, REMOVED
    struct id sandbox;
    uint64_t connections; // accepted, ever
    uint64_t requests;    // allowed, ever
    uint64_t denied;      // refused for whatever reason, ever
    uint64_t bytes_in;    // towards the sandbox
    uint64_t bytes_out;
    uint32_t open; // connections now
    uint32_t reserved;
};

struct egress_message {
    uint32_t kind; // enum egress_kind
    uint32_t reserved;
    union {
        struct egress_add add;
        struct egress_of_sandbox of_sandbox;
        struct egress_policy_begin policy_begin;
        struct egress_header_message header;
        struct egress_rule_message rule;
        struct egress_policy_commit policy_commit;
        struct egress_ready ready;
        struct egress_refused refused;
        struct egress_policy_in_force policy_in_force;
        struct egress_counters counters;
        struct egress_totals totals;
    };
};

enum egress_side { EGRESS_SIDE_SANDBOXD, EGRESS_SIDE_EGRESS };

// As the functions of sandboxd_channel.h.
size_t egress_message_size(uint32_t kind);
int egress_message_decode(const void *data, size_t length, size_t fd_count, enum egress_side sender,
                          struct egress_message *ret_message);
int egress_message_send(int socket, const struct egress_message *message, enum egress_side sender, int fd);

// A whole policy, BEGIN to COMMIT. The rules and headers must be valid, and rules name headers that exist: -EINVAL,
// and nothing is sent. Another -errno (of ipc_send) leaves the channel unusable.
struct egress_policy {
    const struct egress_rule *rules;
    uint32_t rule_count;
    const struct egress_header *headers;
    uint32_t header_count;
};
int egress_policy_send(int socket, const struct id *sandbox, const struct egress_policy *policy,
                       uint64_t serial);

// A socket bound to 127.0.0.1:EGRESS_LISTENER_PORT of the network namespace of the calling thread, which must have lo
// up. It does not listen: sandbox-egress makes it so when it gets it, and makes it so again after a restart. Until
// then, and whenever sandboxd says egress_listener_silence, programs inside see refused connections.
int egress_listener_open(int *ret_fd);
// For the time without a sandbox-egress: connections are refused instead of queued in the copy that sandboxd keeps.
int egress_listener_silence(int fd);
