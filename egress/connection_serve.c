// An open connection: both directions, and the responses in between.

#include <errno.h>
#include <sys/socket.h>

#include "egress/audit.h"
#include "egress/connection.h"

enum outcome { GOES_ON, ENDED }; // ENDED: the connection is gone or in other hands

static enum flow_result pump_up(struct connection *c, uint64_t *moved)
{
    struct flow_ends ends = {&c->from_client, c->client.fd, c->server.fd, &c->sandbox->proxy->pipes};
    enum flow_result result = flow_pump(&c->up, &ends, moved);
    c->sandbox->counters.bytes_out += *moved;
    c->sandbox->proxy->totals.bytes_out += *moved;
    return result;
}

static enum flow_result pump_down(struct connection *c, uint64_t *moved)
{
    struct flow_ends ends = {&c->from_server, c->server.fd, c->client.fd, &c->sandbox->proxy->pipes};
    enum flow_result result = flow_pump(&c->down, &ends, moved);
    c->sandbox->counters.bytes_in += *moved;
    c->sandbox->proxy->totals.bytes_in += *moved;
    return result;
}

static enum outcome serve_up(struct connection *c, uint32_t *client, uint32_t *server, uint64_t *moved)
{
    if (c->up_ended)
        return GOES_ON;
    switch (pump_up(c, moved)) {
    case FLOW_WANTS_INPUT:
        *client |= EPOLLIN;
        return GOES_ON;
    case FLOW_WANTS_OUTPUT:
        *server |= EPOLLOUT;
        return GOES_ON;
    case FLOW_DONE:
        c->up_ended = true;
        if (c->tunnel)
            shutdown(c->server.fd, SHUT_WR);
        return GOES_ON;
    case FLOW_OUTPUT_FAILED:
        if (c->tunnel)
            break;
        // It may have answered before it closed, and then its answer counts.
        c->up_ended = true;
        c->keep = false;
        return GOES_ON;
    case FLOW_BROKEN:
        if (c->response_framed)
            break;
        connection_refuse(c, REFUSAL_FRAMING, NULL);
        return ENDED;
    default:
        break;
    }
    connection_close(c);
    return ENDED;
}

static bool take_response(struct connection *c, size_t length)
{
    struct head head;
    struct response response;
    struct input *input = &c->from_server;
    if (head_parse(input->data + input->start, length, &head) != REFUSAL_NONE ||
        !response_parse(&head, c->to_head, &response) || (response.body == BODY_CHUNKED && !c->minor))
        return false;
    c->response_framed = true;
    c->response_final = response.status >= 200;
    if (c->response_final && response.body == BODY_TO_END)
        c->keep = false;
    if (forward_response(&head, &response, c->keep, &c->down.first) < 0)
        return false;
    c->down.kind = response.body;
    c->down.left = response.length;
    input->start += length;
    c->scanned = 0;
    return true;
}

// Reads a response's head. GOES_ON with response_framed set when there is one.
static enum outcome read_response(struct connection *c, uint32_t *server)
{
    struct input *input = &c->from_server;
    for (;;) {
        ssize_t length = 0;
        if (input->data)
            length = head_end(input->data + input->start, input->end - input->start, &c->scanned);
        if (length > 0 && take_response(c, (size_t)length))
            return GOES_ON;
        ssize_t n = length == 0 ? input_read(input, c->server.fd) : -EPROTO;
        if (n == -EAGAIN) {
            *server |= EPOLLIN;
            return GOES_ON;
        }
        if (n <= 0) {
            connection_refuse(c, REFUSAL_RESPONSE, NULL);
            return ENDED;
        }
    }
}

// The response is with the client.
static enum outcome finish_exchange(struct connection *c)
{
    if (!c->keep || !c->up_ended) {
        connection_linger(c);
        return ENDED;
    }
    loop_close(&c->sandbox->proxy->loop, &c->server);
    flow_reset(&c->up);
    flow_reset(&c->down);
    input_free(&c->from_server);
    c->state = CONNECTION_READING;
    c->authority = (struct authority){0};
    connection_deadline(c, DEADLINE_KEEP_ALIVE);
    // Not at once: the others have their turn between two requests. A request that waits already is read when the
    // socket can be written to, which it can.
    bool waiting = c->from_client.end > c->from_client.start;
    connection_watch(c, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN, 0);
    return ENDED;
}

static enum outcome down_done(struct connection *c)
{
    if (c->tunnel) {
        shutdown(c->client.fd, SHUT_WR);
        c->down.kind = BODY_NONE;
        if (!c->up_ended)
            return GOES_ON;
        connection_close(c);
        return ENDED;
    }
    if (c->response_final)
        return finish_exchange(c);
    c->response_framed = false; // 1xx: another one follows
    return GOES_ON;
}

static enum outcome serve_down(struct connection *c, uint32_t *client, uint32_t *server, uint64_t *moved)
{
    for (;;) {
        if (!c->response_framed && read_response(c, server) == ENDED)
            return ENDED;
        if (!c->response_framed)
            return GOES_ON;
        uint64_t now = 0;
        enum flow_result result = pump_down(c, &now);
        *moved += now;
        switch (result) {
        case FLOW_WANTS_INPUT:
            *server |= EPOLLIN;
            return GOES_ON;
        case FLOW_WANTS_OUTPUT:
            *client |= EPOLLOUT;
            return GOES_ON;
        case FLOW_DONE:
            if (down_done(c) == ENDED)
                return ENDED;
            if (c->tunnel)
                return GOES_ON;
            break;
        default:
            connection_close(c);
            return ENDED;
        }
    }
}

static void serve_open(struct connection *c)
{
    uint32_t client = 0, server = 0;
    uint64_t up = 0, down = 0;
    if (serve_up(c, &client, &server, &up) == ENDED || serve_down(c, &client, &server, &down) == ENDED)
        return;
    if (up + down > 0) {
        connection_deadline(c, DEADLINE_IDLE);
        if (sandbox_over_quota(c->sandbox)) {
            char destination[AUTHORITY_TEXT_SIZE];
            authority_format(&c->authority, destination);
            audit_decision(c->sandbox, &(struct audit){.method = c->tunnel ? "CONNECT" : "HTTP",
                                                       .destination = destination,
                                                       .refusal = REFUSAL_QUOTA});
            connection_close(c);
            return;
        }
    }
    connection_watch(c, client, server);
}

// A close with unread bytes would reset the connection and could take the answer with it (RFC 9112 9.6).
static void serve_lingering(struct connection *c)
{
    uint64_t moved = 0;
    if (c->down.first.data) {
        enum flow_result result = pump_down(c, &moved);
        if (result == FLOW_WANTS_OUTPUT) {
            connection_watch(c, EPOLLOUT, 0);
            return;
        }
        if (result != FLOW_DONE) {
            connection_close(c);
            return;
        }
    }
    shutdown(c->client.fd, SHUT_WR);
    for (;;) {
        c->from_client.start = c->from_client.end = 0;
        ssize_t n = input_read(&c->from_client, c->client.fd);
        if (n == -EAGAIN) {
            connection_watch(c, EPOLLIN, 0);
            return;
        }
        c->lingered += n > 0 ? (size_t)n : 0;
        if (n <= 0 || c->lingered > EGRESS_LINGER_BYTES) {
            connection_close(c);
            return;
        }
    }
}

void connection_serve(struct connection *c)
{
    if (c->state == CONNECTION_LINGERING)
        serve_lingering(c);
    else
        serve_open(c);
}

void connection_on_client(struct watch *watch, uint32_t events)
{
    struct connection *c = CONTAINER_OF(watch, struct connection, client);
    (void)events;
    if (c->state == CONNECTION_READING)
        connection_read_request(c);
    else if (c->state == CONNECTION_OPEN || c->state == CONNECTION_LINGERING)
        connection_serve(c);
}

void connection_on_server(struct watch *watch, uint32_t events)
{
    struct connection *c = CONTAINER_OF(watch, struct connection, server);
    (void)events;
    if (c->state == CONNECTION_CONNECTING)
        connection_reached(c);
    else if (c->state == CONNECTION_OPEN)
        connection_serve(c);
}
