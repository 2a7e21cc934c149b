#include "egress/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/audit.h"
#include "egress/dial.h"

static void on_deadline(struct deadline *deadline)
{
    struct connection *c = CONTAINER_OF(deadline, struct connection, deadline);
    switch (deadline->kind) {
    case DEADLINE_HEAD:
        connection_refuse(c, REFUSAL_HEAD_TIME, NULL);
        return;
    case DEADLINE_RESOLVE:
        connection_refuse(c, REFUSAL_RESOLVE_TIME, NULL);
        return;
    case DEADLINE_CONNECT:
        connection_reach(c); // the next address
        return;
    default:
        connection_close(c);
    }
}

static void link_connection(struct connection *c)
{
    struct sandbox *sandbox = c->sandbox;
    c->next = sandbox->connections;
    if (c->next)
        c->next->previous = c;
    sandbox->connections = c;
    sandbox->counters.open++;
    sandbox->proxy->open++;
}

static void unlink_connection(struct connection *c)
{
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        c->sandbox->connections = c->next;
    c->sandbox->counters.open--;
    c->sandbox->proxy->open--;
}

static enum refusal check_room(const struct sandbox *sandbox)
{
    if (sandbox->counters.open >= sandbox->connection_maximum)
        return REFUSAL_CONNECTIONS;
    return sandbox->proxy->open >= sandbox->proxy->connection_maximum ? REFUSAL_BUSY : REFUSAL_NONE;
}

// A connection too many gets its answer and holds nothing.
static void turn_away(struct sandbox *sandbox, int fd, enum refusal refusal)
{
    char text[REFUSAL_TEXT_MAX];
    size_t length = refusal_format(refusal, "", text);
    audit_decision(sandbox, &(struct audit){.method = "", .destination = "", .refusal = refusal});
    // A fresh socket has room for it. What the client has sent already is read, so that closing does not reset it.
    (void)!send(fd, text, length, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    (void)!recv(fd, text, sizeof(text), 0);
    close(fd);
}

void connection_accept(struct sandbox *sandbox, int fd)
{
    int on = 1;
    sandbox->counters.connections++;
    sandbox->proxy->totals.connections++;
    enum refusal refusal = check_room(sandbox);
    struct connection *c = refusal ? NULL : calloc(1, sizeof(*c));
    if (!c) {
        turn_away(sandbox, fd, refusal ? refusal : REFUSAL_BUSY);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // slower without, no worse
    c->sandbox = sandbox;
    c->client = (struct watch){.fd = fd, .ready = connection_on_client};
    c->server = (struct watch){.fd = -1, .ready = connection_on_server};
    c->deadline.expired = on_deadline;
    link_connection(c);
    connection_deadline(c, DEADLINE_HEAD);
    connection_watch(c, EPOLLIN, 0);
}

void connection_close(struct connection *c)
{
    struct proxy *proxy = c->sandbox->proxy;
    resolver_cancel(proxy->resolver, &c->resolve);
    deadline_clear(&c->deadline);
    flow_reset(&c->up);
    flow_reset(&c->down);
    input_free(&c->from_client);
    input_free(&c->from_server);
    loop_close(&proxy->loop, &c->client);
    loop_close(&proxy->loop, &c->server);
    unlink_connection(c);
    free(c);
}

void connection_deadline(struct connection *c, enum deadline_kind kind)
{
    deadline_set(&c->sandbox->proxy->deadlines, &c->deadline, kind);
}

bool connection_watch(struct connection *c, uint32_t client, uint32_t server)
{
    struct loop *loop = &c->sandbox->proxy->loop;
    if (loop_watch(loop, &c->client, client) < 0 ||
        (c->server.fd >= 0 && loop_watch(loop, &c->server, server) < 0)) {
        connection_close(c);
        return false;
    }
    return true;
}

void connection_refuse(struct connection *c, enum refusal refusal, const char *detail)
{
    char destination[AUTHORITY_TEXT_SIZE] = "", text[REFUSAL_TEXT_MAX];
    if (c->authority.port)
        authority_format(&c->authority, destination);
    audit_decision(c->sandbox, &(struct audit){.method = c->tunnel ? "CONNECT" : "HTTP",
                                               .destination = destination,
                                               .refusal = refusal,
                                               .detail = detail});
    resolver_cancel(c->sandbox->proxy->resolver, &c->resolve);
    loop_close(&c->sandbox->proxy->loop, &c->server);
    flow_reset(&c->up);
    flow_reset(&c->down);
    size_t length = refusal_format(refusal, destination, text);
    if (!(c->down.first.data = malloc(length))) {
        connection_close(c);
        return;
    }
    memcpy(c->down.first.data, text, length);
    c->down.first.end = length;
    connection_linger(c);
}

void connection_linger(struct connection *c)
{
    loop_close(&c->sandbox->proxy->loop, &c->server);
    c->state = CONNECTION_LINGERING;
    connection_deadline(c, DEADLINE_LINGER);
    connection_serve(c);
}

static bool forbidden(const struct connection *c)
{
    const struct policy *policy = c->sandbox->policy;
    if (c->state == CONNECTION_RESOLVING)
        return policy_check(policy, &c->authority) != REFUSAL_NONE;
    return policy_check_address(policy, &c->authority, &c->address, dial_is_own(&c->address)) != REFUSAL_NONE;
}

bool connection_recheck(struct connection *c)
{
    if (c->state == CONNECTION_READING || c->state == CONNECTION_LINGERING)
        return false;
    // A header of the old policy that is still to be sent may be one that was withdrawn.
    if (!forbidden(c) && !(c->injected && c->up.first.data))
        return false;
    char destination[AUTHORITY_TEXT_SIZE];
    authority_format(&c->authority, destination);
    audit_decision(c->sandbox, &(struct audit){.method = c->tunnel ? "CONNECT" : "HTTP",
                                               .destination = destination,
                                               .refusal = REFUSAL_POLICY_CHANGED});
    connection_close(c);
    return true;
}
