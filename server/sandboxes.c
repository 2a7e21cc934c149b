#include "server/sandboxes.h"

#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/clock_step.h"
#include "server/limits.h"
#include "server/notices.h"
#include "server/policy_json.h"
#include "server/reconcile.h"
#include "server/recorder.h"
#include "server/routes.h"
#include "server/sandbox_life.h"
#include "server/server.h"
#include "server/usage.h"
#include "server/viewers.h"
#include "server/waiters.h"

// A request may outlive its connection, and all are worked on again at once.
#define EARLY_MAX (WORK_DATABASE_QUEUE / 2)
#define EARLY_PATIENCE_US (3 * SECOND_US)

struct sandboxes {
    struct server *server;
    struct sandbox *first;
    struct exchange *early; // wait until the lists are compared
    unsigned early_count;
    struct reconcile *reconcile;
    struct usage *usage;
    unsigned epoch;
    struct clock_step clock;
};

static void leave_early(struct sandboxes *sandboxes, struct exchange *exchange)
{
    struct exchange **link = &sandboxes->early;
    while (*link != exchange)
        link = &(*link)->next;
    *link = exchange->next;
    sandboxes->early_count--;
    loop_timer_cancel(&exchange->patience);
}

static void refuse_early(void *data)
{
    struct exchange *exchange = data;
    leave_early(exchange->server->sandboxes, exchange);
    sandbox_answer_disconnected(exchange);
}

bool sandboxes_await(struct sandboxes *sandboxes, const struct id *id, struct exchange *exchange)
{
    if (sandboxes_ready(sandboxes) || sandboxes_find(sandboxes, id))
        return false;
    if (sandboxes->early_count == EARLY_MAX) {
        sandbox_answer_disconnected(exchange);
        return true;
    }
    sandboxes->early_count++;
    waiters_add(&sandboxes->early, exchange);
    exchange->patience = (struct loop_timer){.fire = refuse_early, .data = exchange};
    loop_timer_set(sandboxes->server->loop, &exchange->patience, EARLY_PATIENCE_US);
    return true;
}

void sandboxes_compared(struct sandboxes *sandboxes)
{
    for (struct exchange *exchange; (exchange = sandboxes->early);) {
        leave_early(sandboxes, exchange);
        exchange_work(exchange);
    }
}

// When somebody sets the clock, no time has passed: what remains of each sandbox stays as it is.
static void on_clock_step(void *data, int64_t step_us)
{
    struct sandboxes *sandboxes = data;
    log_warning("The clock was set; the sandboxes keep the time that they had left");
    for (struct sandbox *sandbox = sandboxes->first; sandbox; sandbox = sandbox->next)
        sandbox_move(sandbox, step_us);
}

struct sandboxes *sandboxes_new(struct server *server)
{
    struct sandboxes *sandboxes = calloc(1, sizeof(*sandboxes));
    if (!sandboxes)
        return NULL;
    sandboxes->server = server;
    sandboxes->reconcile = reconcile_new(sandboxes);
    sandboxes->usage = usage_new(sandboxes);
    if (!sandboxes->reconcile || !sandboxes->usage ||
        clock_step_init(&sandboxes->clock, server->loop, on_clock_step, sandboxes) < 0) {
        usage_free(sandboxes->usage);
        reconcile_free(sandboxes->reconcile);
        free(sandboxes);
        return NULL;
    }
    return sandboxes;
}

static void free_sandbox(struct sandbox *sandbox)
{
    waiters_interrupt(&sandbox->starters);
    waiters_interrupt(&sandbox->stoppers);
    change_interrupt(&sandbox->change);
    recorder_stop(sandbox);
    viewers_forget(sandbox);
    loop_timer_cancel(&sandbox->timer);
    record_finish(&sandbox->record);
    free(sandbox);
}

void sandboxes_free(struct sandboxes *sandboxes)
{
    if (!sandboxes)
        return;
    while (sandboxes->early)
        refuse_early(sandboxes->early);
    while (sandboxes->first) {
        struct sandbox *sandbox = sandboxes->first;
        sandboxes->first = sandbox->next;
        free_sandbox(sandbox);
    }
    usage_free(sandboxes->usage);
    clock_step_finish(&sandboxes->clock);
    reconcile_free(sandboxes->reconcile);
    free(sandboxes);
}

bool sandboxes_ready(const struct sandboxes *sandboxes)
{
    return sandboxd_client_welcome(sandboxes->server->sandboxd) && reconcile_complete(sandboxes->reconcile);
}

unsigned sandboxes_epoch(const struct sandboxes *sandboxes)
{
    return sandboxes->epoch;
}

struct usage *sandboxes_usage(struct sandboxes *sandboxes)
{
    return sandboxes->usage;
}

void sandboxes_check_clock(struct sandboxes *sandboxes)
{
    clock_step_check(&sandboxes->clock);
}

struct server *sandboxes_server(const struct sandboxes *sandboxes)
{
    return sandboxes->server;
}

struct sandbox *sandboxes_first(const struct sandboxes *sandboxes)
{
    return sandboxes->first;
}

struct sandbox *sandboxes_find(const struct sandboxes *sandboxes, const struct id *id)
{
    for (struct sandbox *sandbox = sandboxes->first; sandbox; sandbox = sandbox->next) {
        if (id_equal(&sandbox->row.id, id))
            return sandbox;
    }
    return NULL;
}

void sandboxes_gauges(const struct sandboxes *sandboxes, struct metric_gauges *gauges)
{
    for (const struct sandbox *sandbox = sandboxes->first; sandbox; sandbox = sandbox->next) {
        gauges->starting += sandbox->state == STATE_STARTING;
        gauges->running += sandbox->state == STATE_RUNNING;
        gauges->stopping += sandbox->state == STATE_STOPPING;
        gauges->viewers += sandbox->viewer_count;
    }
}

struct sandbox *sandboxes_add(struct sandboxes *sandboxes, const struct store_sandbox *row)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (!sandbox)
        return NULL;
    sandbox->sandboxes = sandboxes;
    sandbox->row = *row;
    sandbox->state = row->state;
    sandbox->policy = policy_read(row->policy, sandboxes->server->config);
    sandbox->timer = (struct loop_timer){.fire = sandbox_tick, .data = sandbox};
    record_init(&sandbox->record, sandbox);
    change_init(&sandbox->change, sandbox);
    sandbox->next = sandboxes->first;
    sandboxes->first = sandbox;
    return sandbox;
}

void sandboxes_connected(struct sandboxes *sandboxes)
{
    reconcile_begin(sandboxes->reconcile);
}

void sandboxes_disconnected(struct sandboxes *sandboxes)
{
    sandboxes->epoch++;
    metrics_pool(&sandboxes->server->metrics, &(const struct sandboxd_pool){0});
    sandboxes->server->metrics.egress.open = 0;
    reconcile_abort(sandboxes->reconcile);
    usage_abort(sandboxes->usage);
    for (struct sandbox *sandbox = sandboxes->first; sandbox; sandbox = sandbox->next)
        change_interrupt(&sandbox->change);
    viewers_sandboxd_gone(sandboxes->server->viewers);
}

void sandboxes_news(struct sandboxes *sandboxes, const struct sandbox_news *news)
{
    struct sandbox *sandbox = sandboxes_find(sandboxes, &news->sandbox);
    if (!sandbox)
        return;
    if (news->kind == SANDBOXD_READY)
        sandbox_ready(sandbox, news->ready.parked ? STORE_START_PARKED : STORE_START_COLD);
    else if (news->kind == SANDBOXD_FAILED)
        sandbox_failed(sandbox, &news->failed);
    else
        sandbox_end(sandbox, (enum stop_reason)news->ended.reason,
                    stop_reason_sentence((enum stop_reason)news->ended.reason), &news->ended.usage);
}

// One whose row is yet to be read hears of it then.
static void take_news(struct sandboxes *sandboxes, const struct sandbox_news *news)
{
    reconcile_news(sandboxes->reconcile, news);
    sandboxes_news(sandboxes, news);
}

void sandboxes_message(struct sandboxes *sandboxes, const struct sandboxd_message *message)
{
    struct sandbox *sandbox;
    switch ((enum sandboxd_kind)message->kind) {
    case SANDBOXD_READY:
        metrics_start(&sandboxes->server->metrics, message->ready.start_us, message->ready.parked);
        take_news(sandboxes,
                  &(struct sandbox_news){message->ready.sandbox, SANDBOXD_READY, .ready = message->ready});
        return;
    case SANDBOXD_POOL:
        metrics_pool(&sandboxes->server->metrics, &message->pool);
        return;
    case SANDBOXD_EGRESS:
        metrics_egress(&sandboxes->server->metrics, &message->egress);
        return;
    case SANDBOXD_FAILED:
        take_news(sandboxes, &(struct sandbox_news){message->failed.sandbox, SANDBOXD_FAILED,
                                                    .failed = message->failed});
        return;
    case SANDBOXD_ENDED:
        take_news(sandboxes,
                  &(struct sandbox_news){message->ended.sandbox, SANDBOXD_ENDED, .ended = message->ended});
        return;
    case SANDBOXD_LIMITS_SET:
        sandbox = sandboxes_find(sandboxes, &message->limits_set.sandbox);
        if (sandbox)
            change_limits_set(&sandbox->change, &message->limits_set);
        return;
    case SANDBOXD_NETWORK_SET:
        sandbox = sandboxes_find(sandboxes, &message->network_set.sandbox);
        if (sandbox)
            change_network_set(&sandbox->change, &message->network_set);
        return;
    case SANDBOXD_ENTRY:
        reconcile_entry(sandboxes->reconcile, &message->entry);
        usage_entry(sandboxes->usage, &message->entry);
        return;
    case SANDBOXD_ENTRY_HEADER:
        reconcile_entry_header(sandboxes->reconcile, &message->entry_header);
        return;
    case SANDBOXD_ENTRY_RULE:
        reconcile_entry_rule(sandboxes->reconcile, &message->entry_rule);
        return;
    case SANDBOXD_LIST_END:
        usage_list_end(sandboxes->usage); // of one of the two: neither asks while the other one does
        reconcile_list_end(sandboxes->reconcile);
        return;
    default:
        return;
    }
}

void sandboxes_read_wishes(struct sandboxes *sandboxes)
{
    reconcile_read_wishes(sandboxes->reconcile);
}

void sandboxes_adopt(struct sandboxes *sandboxes, const struct store_sandbox *row,
                     const struct sandboxd_entry *told, const char *network)
{
    struct sandbox *sandbox = sandboxes_find(sandboxes, &row->id);
    bool known = sandbox != NULL;
    if (!known)
        sandbox = sandboxes_add(sandboxes, row);
    if (!sandbox) {
        log_error("A sandbox can't be managed: out of memory; restart sandbox-server");
        return;
    }
    sandbox_resume(sandbox, known, told->ready);
    if (told->ready)
        change_in_force(&sandbox->change, row, &told->limits, network);
    if (row->stop_requested)
        sandbox_stop(sandbox, row->stop_requested, NULL);
}

struct sandbox *sandboxes_lost(struct sandboxes *sandboxes, const struct store_sandbox *row)
{
    struct sandbox *sandbox = sandboxes_find(sandboxes, &row->id);
    if (!sandbox)
        sandbox = sandboxes_add(sandboxes, row);
    if (!sandbox) {
        sandboxes_abandon(sandboxes);
        return NULL;
    }
    bool asked = sandbox->state == STATE_STOPPING && sandbox->row.stop_reason;
    enum stop_reason reason = asked ? sandbox->row.stop_reason : STOP_NODE_RESTART;
    sandbox_end(sandbox, reason, stop_reason_sentence(reason), NULL);
    return sandbox;
}

void sandboxes_abandon(struct sandboxes *sandboxes)
{
    reconcile_read_wishes_later(sandboxes->reconcile);
}

void sandboxes_remove(struct sandbox *sandbox)
{
    struct sandbox **link = &sandbox->sandboxes->first;
    while (*link != sandbox)
        link = &(*link)->next;
    *link = sandbox->next;
    free_sandbox(sandbox);
}
