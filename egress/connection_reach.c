// From an allowed destination to a connection with one of its addresses: exactly the one that was checked.

#include <string.h>

#include "egress/audit.h"
#include "egress/connection.h"
#include "egress/dial.h"

#define TUNNEL_ANSWER "HTTP/1.1 200 Connection established\r\n\r\n"

// Keeps the addresses that the policy lets through. When none is left, why the first one was not.
static enum refusal filter(struct connection *c, const struct address *addresses, size_t count,
                           enum address_class *ret_class)
{
    enum refusal refusal = REFUSAL_RESOLVE;
    c->candidate = c->candidate_count = 0;
    for (size_t i = 0; i < count && i < EGRESS_CANDIDATES_MAX; i++) {
        bool own = dial_is_own(&addresses[i]);
        enum refusal verdict = policy_check_address(c->sandbox->policy, &c->authority, &addresses[i], own);
        if (verdict == REFUSAL_NONE) {
            c->candidates[c->candidate_count++] = addresses[i];
        } else if (refusal == REFUSAL_RESOLVE) {
            refusal = verdict;
            *ret_class = address_classify(&addresses[i], NULL);
        }
    }
    return c->candidate_count > 0 ? REFUSAL_NONE : refusal;
}

static void try_addresses(struct connection *c, const struct address *addresses, size_t count)
{
    enum address_class class = ADDRESS_PUBLIC;
    enum refusal refusal = filter(c, addresses, count, &class);
    if (refusal) {
        connection_refuse(c, refusal, refusal == REFUSAL_ADDRESS ? address_class_name(class) : NULL);
        return;
    }
    c->state = CONNECTION_CONNECTING;
    connection_reach(c);
}

static void on_resolved(struct resolve_request *request, const struct address *addresses, size_t count)
{
    try_addresses(CONTAINER_OF(request, struct connection, resolve), addresses, count);
}

static void resolve(struct connection *c)
{
    c->state = CONNECTION_RESOLVING;
    connection_deadline(c, DEADLINE_RESOLVE);
    if (!connection_watch(c, 0, 0))
        return;
    c->resolve.owner = c->sandbox->id;
    memcpy(c->resolve.name, c->authority.name, sizeof(c->resolve.name));
    c->resolve.done = on_resolved;
    resolver_start(c->sandbox->proxy->resolver, &c->resolve);
}

static void connect_next(struct connection *c)
{
    bool late = c->server.fd >= 0; // the address before did not answer
    loop_close(&c->sandbox->proxy->loop, &c->server);
    while (c->candidate < c->candidate_count) {
        c->address = c->candidates[c->candidate++];
        if (dial(&c->address, c->authority.port, &c->server.fd) < 0)
            continue;
        connection_deadline(c, DEADLINE_CONNECT);
        connection_watch(c, 0, EPOLLOUT);
        return;
    }
    connection_refuse(c, late ? REFUSAL_CONNECT_TIME : REFUSAL_CONNECT, NULL);
}

void connection_reach(struct connection *c)
{
    if (c->state == CONNECTION_CONNECTING) {
        connect_next(c);
    } else if (c->authority.literal) {
        struct address address = c->authority.address;
        try_addresses(c, &address, 1);
    } else {
        resolve(c);
    }
}

static bool start_tunnel(struct connection *c)
{
    static const char answer[] = TUNNEL_ANSWER;
    c->down.first = (struct text){.data = strdup(answer), .end = sizeof(answer) - 1};
    c->down.kind = BODY_TO_END;
    c->response_framed = c->response_final = true;
    return c->down.first.data != NULL;
}

void connection_reached(struct connection *c)
{
    int error = dial_result(c->server.fd);
    if (error) {
        loop_close(&c->sandbox->proxy->loop, &c->server);
        connect_next(c);
        return;
    }
    char destination[AUTHORITY_TEXT_SIZE];
    authority_format(&c->authority, destination);
    audit_decision(c->sandbox, &(struct audit){.method = c->tunnel ? "CONNECT" : "HTTP",
                                               .destination = destination,
                                               .address = &c->address});
    c->state = CONNECTION_OPEN;
    if (c->tunnel && !start_tunnel(c)) {
        connection_close(c);
        return;
    }
    connection_deadline(c, DEADLINE_IDLE);
    connection_serve(c);
}
