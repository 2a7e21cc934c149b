#include "server/waiters.h"

#include "server/notices.h"
#include "server/sandbox_json.h"

static struct exchange *take(struct exchange **list)
{
    struct exchange *exchange = *list;
    if (exchange)
        *list = exchange->next;
    return exchange;
}

void waiters_add(struct exchange **list, struct exchange *exchange)
{
    exchange->next = *list;
    *list = exchange;
}

void waiters_give_row(struct exchange **list, const struct sandbox *sandbox)
{
    for (struct exchange *exchange; (exchange = take(list));)
        exchange_json(exchange, exchange->method == HTTP_POST ? 201 : 200,
                      sandbox_json(&sandbox->row, sandbox->viewer_count));
}

void waiters_start_failed(struct exchange **list, const struct sandbox *sandbox)
{
    const char *detail = sandbox->row.stop_detail; // none when the row is gone
    if (!*detail)
        detail = stop_reason_sentence(STOP_NODE_RESTART);
    for (struct exchange *exchange; (exchange = take(list));)
        exchange_problem_later(exchange, PROBLEM_START_FAILED, 2, detail);
}

void waiters_store_failed(struct exchange **list, int error)
{
    for (struct exchange *exchange; (exchange = take(list));)
        exchange_store_failed(exchange, error);
}

void waiters_interrupt(struct exchange **list)
{
    for (struct exchange *exchange; (exchange = take(list));)
        exchange_problem_later(exchange, PROBLEM_SANDBOXES_UNAVAILABLE, 1,
                               "The answer did not come in time. Look at the sandbox again in a moment.");
}
