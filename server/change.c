#include "server/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "server/clock.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

#define ANSWER_US (10 * SECOND_US)

static void on_timer(void *data)
{
    change_interrupt(data);
}

void change_init(struct change *change, struct sandbox *sandbox)
{
    *change = (struct change){.sandbox = sandbox, .limits = sandbox->row.limits};
    snprintf(change->network, sizeof(change->network), "%s", sandbox->row.network);
    change->timer = (struct loop_timer){.fire = on_timer, .data = change};
}

void change_interrupt(struct change *change)
{
    struct exchange *exchange = steal_pointer(&change->exchange);
    loop_timer_cancel(&change->timer);
    if (exchange)
        exchange_problem_later(exchange, PROBLEM_SANDBOXES_UNAVAILABLE, 1,
                               "The answer did not come in time. Look at the sandbox again in a moment.");
}

void change_finish_all(struct change *change)
{
    change_interrupt(change);
}

bool change_busy(const struct change *change)
{
    return change->exchange != NULL;
}

static struct sandboxd_client *sandboxd_of(struct change *change)
{
    return sandboxes_server(change->sandbox->sandboxes)->sandboxd;
}

static void record(struct change *change)
{
    record_changed(&change->sandbox->record, &change->limits, change->network);
}

static void fail(struct change *change, enum problem problem, const char *detail)
{
    struct exchange *exchange = steal_pointer(&change->exchange);
    loop_timer_cancel(&change->timer);
    if (exchange)
        exchange_problem(exchange, problem, detail);
}

static void send_network(struct change *change)
{
    const struct change_wish *wish = change->exchange->detail;
    struct sandboxd_message set = {
        .kind = SANDBOXD_SET_NETWORK,
        .set_network = {.sandbox = change->sandbox->row.id, .serial = ++change->serial}};
    memcpy(change->sent_network, wish->network.text, sizeof(wish->network.text));
    if (network_wish_send(&wish->network, sandboxd_of(change)) < 0 ||
        sandboxd_client_send(sandboxd_of(change), &set) < 0)
        change_interrupt(change);
}

void change_begin(struct change *change, struct exchange *exchange)
{
    const struct change_wish *wish = exchange->detail;
    struct sandbox *sandbox = change->sandbox;
    struct sandbox_limits limits = sandbox->row.limits;
    change->exchange = exchange;
    change->problem_detail = NULL;
    loop_timer_set(sandboxes_server(sandbox->sandboxes)->loop, &change->timer, ANSWER_US);
    if (!wish->has_limits) {
        send_network(change);
        return;
    }
    limits.memory_mb = wish->limits.memory_mb ? wish->limits.memory_mb : limits.memory_mb;
    limits.cpu_percent = wish->limits.cpu_percent ? wish->limits.cpu_percent : limits.cpu_percent;
    limits.pids = wish->limits.pids ? wish->limits.pids : limits.pids;
    struct sandboxd_message set = {.kind = SANDBOXD_SET_LIMITS,
                                   .set_limits = {.sandbox = sandbox->row.id, .limits = limits}};
    if (sandboxd_client_send(sandboxd_of(change), &set) < 0)
        change_interrupt(change);
}

static void limits_refused(struct change *change, int error)
{
    switch (error) {
    case ERANGE:
        fail(change, PROBLEM_UNPROCESSABLE, "\"limits\" are over what this node gives to one sandbox.");
        return;
    case EBUSY:
        fail(change, PROBLEM_CONFLICT,
             "The sandbox uses more memory than \"limits.memory_mb\" now. Close something in it, then try "
             "again.");
        return;
    case ENOTSUP:
        fail(change, PROBLEM_CONFLICT,
             "\"limits\" can't be set: this node has no control groups. GET /health says what its operator "
             "can do.");
        return;
    default:
        fail(change, PROBLEM_CONFLICT, "\"limits\" could not be set: the sandbox is ending.");
        return;
    }
}

// What is in force is recorded also when nobody waits for it any more.
void change_limits_set(struct change *change, const struct sandboxd_limits_set *message)
{
    const struct change_wish *wish = change->exchange ? change->exchange->detail : NULL;
    if (message->error) {
        limits_refused(change, message->error);
        return;
    }
    change->limits = message->limits;
    if (wish && wish->has_network) {
        send_network(change);
        if (change->exchange)
            return;
    }
    record(change);
}

void change_network_set(struct change *change, const struct sandboxd_network_set *message)
{
    if (message->serial != change->serial)
        return;
    if (message->error == 0) {
        memcpy(change->network, change->sent_network, sizeof(change->network));
    } else {
        change->problem = PROBLEM_CONFLICT;
        change->problem_detail = "\"network\" could not be set: the sandbox is ending, or has no way out.";
    }
    record(change);
}

void change_recorded(struct change *change)
{
    struct exchange *exchange = steal_pointer(&change->exchange);
    const struct sandbox *sandbox = change->sandbox;
    loop_timer_cancel(&change->timer);
    if (!exchange)
        return;
    if (change->problem_detail)
        exchange_problem(exchange, change->problem, change->problem_detail);
    else
        exchange_json(exchange, 200, sandbox_json(&sandbox->row, sandbox->viewer_count));
}

void change_store_failed(struct change *change, int error)
{
    struct exchange *exchange = steal_pointer(&change->exchange);
    loop_timer_cancel(&change->timer);
    if (exchange)
        exchange_store_failed(exchange, error);
}
