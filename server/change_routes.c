// PATCH /api/sandboxes/{id}

#include <string.h>

#include "server/change_wish.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

struct patch {
    struct store_sandbox row; // first: the worker fills it
    struct change_wish wish;
};

int change_prepare(struct exchange *exchange)
{
    char wrong[WISH_WRONG_MAX];
    enum problem problem;
    struct patch *patch = exchange_detail(exchange, sizeof(*patch));
    if (!patch)
        return -1;
    const char *text = exchange->body ? exchange->body : "";
    if (change_wish_read(text, exchange->body_length, exchange->server->config, &patch->wish, &problem,
                         wrong) == 0)
        return 0;
    exchange_problem(exchange, problem, wrong);
    return -1;
}

int change_work(struct exchange *exchange, struct store *store)
{
    struct patch *patch = exchange->detail;
    return store_sandbox_get(store, &exchange->id, &exchange->account.id, &patch->row);
}

static void answered(void *data, const struct change_outcome *outcome)
{
    struct exchange *exchange = data;
    const struct patch *patch = exchange->detail;
    const struct sandbox *sandbox = sandboxes_find(exchange->server->sandboxes, &patch->row.id);
    if (outcome->store_error)
        exchange_store_failed(exchange, outcome->store_error);
    else if (outcome->detail && outcome->retry_after_s)
        exchange_problem_later(exchange, outcome->problem, outcome->retry_after_s, outcome->detail);
    else if (outcome->detail)
        exchange_problem(exchange, outcome->problem, outcome->detail);
    else
        exchange_json(exchange, 200, sandbox_json(&sandbox->row, sandbox->viewer_count));
}

void change_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    if (sandbox_answer_missing(exchange))
        return;
    const struct patch *patch = exchange->detail;
    struct sandbox *sandbox = sandboxes_find(server->sandboxes, &patch->row.id);
    if (patch->row.state != STATE_ENDED && strcmp(patch->row.node, server->node) != 0)
        sandbox_answer_wrong_node(exchange, &patch->row);
    else if (patch->row.state != STATE_RUNNING)
        exchange_problem(exchange, PROBLEM_CONFLICT, "The sandbox is not running.");
    else if (!sandbox || !sandboxes_ready(server->sandboxes))
        sandbox_answer_disconnected(exchange);
    else if (sandbox->state != STATE_RUNNING || change_busy(&sandbox->change))
        exchange_problem(exchange, PROBLEM_CONFLICT,
                         "The sandbox is being changed or stopped. Try again in a moment.");
    else if (!patch->wish.has_limits && !patch->wish.has_network)
        exchange_json(exchange, 200, sandbox_json(&sandbox->row, sandbox->viewer_count));
    else
        change_begin(&sandbox->change, &patch->wish, answered, exchange);
}
