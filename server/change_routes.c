// PATCH /api/sandboxes/{id}

#include <string.h>

#include "lib/cleanup.h"
#include "server/json_body.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

struct body {
    json_t *limits, *network;
};

static const struct json_field fields[] = {
    {"limits", false, 0, 0, NULL, offsetof(struct body, limits)},
    {"network", false, 0, 0, NULL, offsetof(struct body, network)},
};

static void cleanup_body(struct body *body)
{
    json_decref(body->limits);
    json_decref(body->network);
}

int change_prepare(struct exchange *exchange)
{
    CLEANUP(cleanup_body) struct body body = {0};
    struct change_wish *wish = exchange_detail(exchange, sizeof(*wish));
    char wrong[WISH_WRONG_MAX];
    if (!wish)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, fields, 2, &body, wrong) <
        0) {
        exchange_problem(exchange, PROBLEM_BAD_REQUEST, wrong);
        return -1;
    }
    wish->has_limits = body.limits && json_object_size(body.limits) > 0;
    wish->has_network = body.network != NULL;
    int error = wish_read_limits(body.limits, exchange->server->config, &wish->limits, wrong);
    if (!error && body.network)
        error = network_wish_read(body.network, &wish->network, wrong);
    if (error)
        exchange_problem(exchange, PROBLEM_UNPROCESSABLE, wrong);
    return error ? -1 : 0;
}

int change_work(struct exchange *exchange, struct store *store)
{
    struct change_wish *wish = exchange->detail;
    return store_sandbox_get(store, &exchange->id, &exchange->account.id, &wish->row);
}

void change_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    if (sandbox_answer_missing(exchange))
        return;
    const struct change_wish *wish = exchange->detail;
    struct sandbox *sandbox = sandboxes_find(server->sandboxes, &wish->row.id);
    if (wish->row.state != STATE_ENDED && strcmp(wish->row.node, server->node) != 0)
        sandbox_answer_wrong_node(exchange, &wish->row);
    else if (wish->row.state != STATE_RUNNING)
        exchange_problem(exchange, PROBLEM_CONFLICT, "The sandbox is not running.");
    else if (!sandbox || !sandboxes_ready(server->sandboxes))
        sandbox_answer_disconnected(exchange);
    else if (sandbox->state != STATE_RUNNING || change_busy(&sandbox->change))
        exchange_problem(exchange, PROBLEM_CONFLICT,
                         "The sandbox is being changed or stopped. Try again in a moment.");
    else if (!wish->has_limits && !wish->has_network)
        exchange_json(exchange, 200, sandbox_json(&sandbox->row, sandbox->viewer_count));
    else
        change_begin(&sandbox->change, exchange);
}
