// From a request's first byte to the decision about its destination.

#include <errno.h>

#include "egress/connection.h"

static void start_message(struct connection *c, const struct request *request)
{
    c->tunnel = request->connect;
    c->to_head = slice_is(request->method, "HEAD");
    c->minor = request->minor;
    c->keep = request->keep;
    c->authority = request->authority;
    c->up.kind = request->connect ? BODY_TO_END : request->body;
    c->up.left = request->length;
    c->up_ended = c->response_framed = c->response_final = c->injected = false;
    c->candidate = c->candidate_count = 0;
}

static int write_request(struct connection *c, const struct head *head, const struct request *request)
{
    if (request->connect)
        return 0;
    const struct egress_header *injected = policy_header(c->sandbox->policy, &request->authority);
    c->injected = injected != NULL;
    return forward_request(head, request, injected, &c->up.first);
}

// The head is complete: `length` bytes at the input's start.
static void handle_head(struct connection *c, size_t length)
{
    struct head head;
    struct request request;
    struct input *input = &c->from_client;
    enum refusal refusal = head_parse(input->data + input->start, length, &head);
    if (!refusal)
        refusal = request_parse(&head, &request);
    if (!refusal) {
        start_message(c, &request);
        refusal = policy_check(c->sandbox->policy, &c->authority);
    }
    if (!refusal && sandbox_over_quota(c->sandbox))
        refusal = REFUSAL_QUOTA;
    if (!refusal && write_request(c, &head, &request) < 0)
        refusal = REFUSAL_BUSY;
    input->start += length;
    c->scanned = 0;
    if (refusal)
        connection_refuse(c, refusal, NULL);
    else
        connection_reach(c);
}

static void wait_for_more(struct connection *c)
{
    size_t pending = c->from_client.end - c->from_client.start;
    if (c->deadline.kind == DEADLINE_KEEP_ALIVE && pending > 0)
        connection_deadline(c, DEADLINE_HEAD);
    connection_watch(c, EPOLLIN, 0);
}

void connection_read_request(struct connection *c)
{
    struct input *input = &c->from_client;
    for (;;) {
        ssize_t length = 0;
        if (input->data)
            length = head_end(input->data + input->start, input->end - input->start, &c->scanned);
        if (length > 0) {
            handle_head(c, (size_t)length);
            return;
        }
        if (length < 0) {
            connection_refuse(c, REFUSAL_MALFORMED, NULL);
            return;
        }
        ssize_t n = input_read(input, c->client.fd);
        if (n == -EAGAIN) {
            wait_for_more(c);
            return;
        }
        if (n == -ENOBUFS) {
            connection_refuse(c, REFUSAL_HEAD_SIZE, NULL);
            return;
        }
        if (n <= 0) {
            connection_close(c);
            return;
        }
    }
}
