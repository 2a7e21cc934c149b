#pragma once
// One sandbox that is served: its listening socket, its policy and what it has used.

#include "egress/policy.h"
#include "egress/proxy.h"

struct connection;

struct sandbox {
    struct proxy *proxy;
    struct sandbox *next;
    struct id id;
    char id_text[ID_TEXT_SIZE];
    struct watch listener;
    struct deadline pause; // of the listener
    struct policy *policy; // NULL: nothing is allowed
    uint64_t byte_quota;
    unsigned connection_maximum;
    struct connection *connections; // a list
    struct egress_counters counters;
    // The log's bound.
    uint64_t log_filled; // ms
    unsigned log_left, log_suppressed;
};

// Takes the descriptor, also on failure: -EEXIST, -ENOSPC over SANDBOX_MAX_TOTAL, -EINVAL for a descriptor that is
// no bound TCP socket, or another -errno.
int sandbox_add(struct proxy *proxy, const struct egress_add *add, int fd);
struct sandbox *sandbox_find(struct proxy *proxy, const struct id *id);
// Closes its connections and its listener.
void sandbox_remove(struct sandbox *sandbox);
// Takes the policy and closes the connections that it forbids; their count.
unsigned sandbox_set_policy(struct sandbox *sandbox, struct policy *policy);
bool sandbox_over_quota(const struct sandbox *sandbox);
