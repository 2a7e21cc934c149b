#pragma once
// Names to addresses, by a bounded pool of processes: getaddrinfo(3) blocks, reads files and parses what name servers
// send. Each worker resolves one name at a time and knows nothing else.

#include "egress/address.h"
#include "egress/limits.h"
#include "egress/loop.h"
#include "lib/hostname.h"
#include "lib/ids.h"

struct resolver;

struct resolve_request {
    struct resolve_request *next;
    struct id owner; // a sandbox: it gets EGRESS_RESOLVERS_PER_SANDBOX workers at most
    char name[HOSTNAME_SIZE];
    bool active;
    // `addresses` is empty when there are none; borrowed for the call.
    void (*done)(struct resolve_request *request, const struct address *addresses, size_t count);
};

// Starts the workers; call it before this process confines itself. 0 or -errno.
int resolver_new(struct loop *loop, struct resolver **ret_resolver);
void resolver_free(struct resolver *resolver);

// `done` comes later, once, unless it is cancelled. The request must not move until then.
void resolver_start(struct resolver *resolver, struct resolve_request *request);
void resolver_cancel(struct resolver *resolver, struct resolve_request *request);

// What a worker runs, with its channel on EGRESS_RESOLVER_FD. Its exit status.
#define EGRESS_RESOLVER_FD 3
int resolver_work(void);
