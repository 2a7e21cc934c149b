#include "server/sandboxes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "server/clock.h"
#include "server/clock_step.h"
#include "server/network_wish.h"
#include "server/notices.h"
#include "server/policy_json.h"
#include "server/reconcile.h"
#include "server/recorder.h"
#include "server/server.h"
#include "server/usage.h"
#include "server/viewers.h"
#include "server/waiters.h"

#define START_ANSWER_US (30 * SECOND_US)
#define STOP_ANSWER_US (10 * SECOND_US)
#define ACTIVITY_SAVE_US (30 * SECOND_US) // a restart forgets at most this much of the latest input
#define TICK_MAX_US (60 * SECOND_US)      // so that a step of the wall clock is seen

struct sandboxes {
    struct server *server;
    struct sandbox *first;
    struct reconcile *reconcile;
    struct usage *usage;
    unsigned epoch;
    struct clock_step clock;
};

static void tick(void *data);
static void on_clock_step(void *data, int64_t step_us);

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
    change_finish_all(&sandbox->change);
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

static void arm(struct sandbox *sandbox, int64_t after_us)
{
    loop_timer_set(sandbox->sandboxes->server->loop, &sandbox->timer,
                   after_us < TICK_MAX_US ? after_us : TICK_MAX_US);
}

static void expect_answer(struct sandbox *sandbox, int64_t within_us)
{
    sandbox->answer_by_us = clock_monotonic_us() + within_us;
    arm(sandbox, within_us);
}

static struct sandbox *add(struct sandboxes *sandboxes, const struct store_sandbox *row)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (!sandbox)
        return NULL;
    sandbox->sandboxes = sandboxes;
    sandbox->row = *row;
    sandbox->state = row->state;
    sandbox->policy = policy_read(row->policy, sandboxes->server->config);
    sandbox->timer = (struct loop_timer){.fire = tick, .data = sandbox};
    record_init(&sandbox->record, sandbox);
    change_init(&sandbox->change, sandbox);
    sandbox->next = sandboxes->first;
    sandboxes->first = sandbox;
    return sandbox;
}

// When somebody sets the clock, no time has passed: what remains of each sandbox stays as it is.
static void on_clock_step(void *data, int64_t step_us)
{
    struct sandboxes *sandboxes = data;
    log_warning("The clock was set; the sandboxes keep the time that they had left");
    for (struct sandbox *sandbox = sandboxes->first; sandbox; sandbox = sandbox->next) {
        if (sandbox->state != STATE_RUNNING || !sandbox->deadlines.limit_us)
            continue;
        deadlines_move(&sandbox->deadlines, step_us);
        if (sandbox->active_us)
            sandbox->active_us += step_us;
        sandbox->saved_us = sandbox->active_us;
        record_moved(&sandbox->record, sandbox->deadlines.limit_us, sandbox->deadlines.idle_us);
        arm(sandbox, 0);
    }
}

static void take_deadlines(struct sandbox *sandbox)
{
    clock_step_check(&sandbox->sandboxes->clock);
    const struct config *config = sandbox->sandboxes->server->config;
    sandbox->deadlines.limit_us = sandbox->row.expires_us;
    sandbox->deadlines.warning_us = config_number(config, CONFIG_SANDBOX_WARNING_SECS) * SECOND_US;
    if (sandbox->row.idle_expires_us > sandbox->deadlines.idle_us)
        sandbox->deadlines.idle_us = sandbox->row.idle_expires_us;
    arm(sandbox, 0);
}

static void send_stop(struct sandbox *sandbox, enum stop_reason reason)
{
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = sandbox->row.id, .reason = reason}};
    // Unsent: reconciliation with the next connection sends it again.
    (void)sandboxd_client_send(sandbox->sandboxes->server->sandboxd, &stop);
}

void sandboxes_start(struct sandboxes *sandboxes, const struct store_sandbox *row, uint32_t account_number,
                     const struct network_wish *network, struct exchange *exchange)
{
    struct sandbox *sandbox = add(sandboxes, row);
    if (!sandbox) {
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 5,
                               "The server is out of memory. Try again later.");
        return;
    }
    metrics_count(&sandboxes->server->metrics, METRIC_SANDBOX_STARTS);
    sandbox_wait_start(sandbox, exchange);
    struct sandboxd_message create = {
        .kind = SANDBOXD_CREATE,
        .create = {.sandbox = row->id,
                   .owner = row->account,
                   .account_number = account_number,
                   .template_id = TEMPLATE_DESKTOP,
                   .limits = row->limits,
                   .network = network->rule_count > 0,
                   .policy = sandbox->policy.stream},
    };
    expect_answer(sandbox, START_ANSWER_US);
    if ((network->rule_count > 0 && network_wish_send(network, sandboxes->server->sandboxd) < 0) ||
        sandboxd_client_send(sandboxes->server->sandboxd, &create) < 0)
        sandbox_end(sandbox, STOP_START_FAILED, "The sandbox manager of this node could not be reached.",
                    NULL);
}

void sandbox_wait_start(struct sandbox *sandbox, struct exchange *exchange)
{
    waiters_add(&sandbox->starters, exchange);
}

void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason, struct exchange *exchange)
{
    if (exchange)
        waiters_add(&sandbox->stoppers, exchange);
    if (sandbox->state == STATE_ENDED)
        return;
    bool first = sandbox->state != STATE_STOPPING;
    sandbox->state = STATE_STOPPING;
    if (first) {
        sandbox->row.stop_reason = reason;
        record_stopping(&sandbox->record, reason);
        send_stop(sandbox, reason);
    }
    expect_answer(sandbox, STOP_ANSWER_US);
}

void sandbox_active(struct sandbox *sandbox)
{
    if (sandbox->state != STATE_RUNNING)
        return;
    clock_step_check(&sandbox->sandboxes->clock);
    sandbox->active_us = clock_wall_us();
    if (deadlines_active(&sandbox->deadlines, sandbox->active_us + sandbox->row.idle_seconds * SECOND_US)) {
        viewers_notice(sandbox, notice_warning_cleared(sandbox->deadlines.idle_us));
        arm(sandbox, 0);
    }
    if (sandbox->active_us - sandbox->saved_us > ACTIVITY_SAVE_US) {
        sandbox->saved_us = sandbox->active_us;
        record_active(&sandbox->record, sandbox->active_us);
    }
}

static void tick_running(struct sandbox *sandbox)
{
    clock_step_check(&sandbox->sandboxes->clock);
    int64_t now = clock_wall_us();
    int64_t next = now + TICK_MAX_US;
    enum deadline_event event;
    while ((event = deadlines_due(&sandbox->deadlines, now, &next)) != DEADLINE_NONE) {
        if (event == DEADLINE_LIMIT || event == DEADLINE_IDLE) {
            sandbox_stop(sandbox, event == DEADLINE_LIMIT ? STOP_LIMIT : STOP_IDLE, NULL);
            return;
        }
        bool limit = event == DEADLINE_LIMIT_WARNING;
        viewers_notice(sandbox, notice_warning(limit ? "limit" : "idle", limit ? sandbox->deadlines.limit_us
                                                                               : sandbox->deadlines.idle_us));
    }
    arm(sandbox, next - now);
}

static void tick(void *data)
{
    struct sandbox *sandbox = data;
    if (sandbox->state == STATE_RUNNING && sandbox->deadlines.limit_us) {
        tick_running(sandbox);
        return;
    }
    if (sandbox->state == STATE_ENDED || !sandbox->answer_by_us)
        return;
    int64_t left = sandbox->answer_by_us - clock_monotonic_us();
    if (left > 0) {
        arm(sandbox, left);
        return;
    }
    sandbox->answer_by_us = 0;
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    log_warning("sandboxd has not answered in time", {"sandbox", id},
                {"state", store_state_name(sandbox->state)});
    waiters_interrupt(&sandbox->stoppers);
    waiters_interrupt(&sandbox->starters);
    if (sandbox->state == STATE_STARTING)
        sandbox_stop(sandbox, STOP_START_FAILED, NULL);
}

static void on_ready(struct sandbox *sandbox, enum store_start start)
{
    if (sandbox->state != STATE_STARTING)
        return;
    sandbox->state = STATE_RUNNING;
    sandbox->answer_by_us = 0;
    record_started(&sandbox->record, start);
}

static void count_network(const struct sandbox *sandbox, const struct sandbox_usage *usage)
{
    struct metrics *metrics = &sandbox->sandboxes->server->metrics;
    if (!usage || usage->network_in_bytes == UINT64_MAX)
        return;
    metrics_add(metrics, METRIC_EGRESS_ALLOWED, usage->network_allowed);
    metrics_add(metrics, METRIC_EGRESS_REFUSED, usage->network_refused);
    metrics_add(metrics, METRIC_EGRESS_BYTES_IN, usage->network_in_bytes);
    metrics_add(metrics, METRIC_EGRESS_BYTES_OUT, usage->network_out_bytes);
}

void sandbox_end(struct sandbox *sandbox, enum stop_reason reason, const char *detail,
                 const struct sandbox_usage *usage)
{
    if (sandbox->state == STATE_ENDED)
        return;
    sandbox->state = STATE_ENDED;
    change_interrupt(&sandbox->change);
    count_network(sandbox, usage);
    metrics_end(&sandbox->sandboxes->server->metrics, reason);
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    log_info("A sandbox ended", {"sandbox", id}, {"reason", stop_reason_name(reason)}, {"detail", detail});
    recorder_stop(sandbox);
    viewers_end(sandbox, reason, detail);
    record_ended(&sandbox->record, reason, detail, usage);
}

static void on_failed(struct sandbox *sandbox, const struct sandboxd_failed *failed)
{
    char detail[STORE_STOP_DETAIL_MAX];
    metrics_start_failed(&sandbox->sandboxes->server->metrics, failed->stage);
    snprintf(detail, sizeof(detail), "The start failed at the stage \"%s\" (%s).",
             start_stage_name(failed->stage), strerror(failed->error));
    sandbox_end(sandbox, STOP_START_FAILED, detail, NULL);
}

void sandboxes_connected(struct sandboxes *sandboxes)
{
    reconcile_begin(sandboxes->reconcile);
}

void sandboxes_disconnected(struct sandboxes *sandboxes)
{
    sandboxes->epoch++;
    metrics_pool(&sandboxes->server->metrics, &(const struct sandboxd_pool){0});
    reconcile_abort(sandboxes->reconcile);
    usage_abort(sandboxes->usage);
    for (struct sandbox *sandbox = sandboxes->first; sandbox; sandbox = sandbox->next)
        change_interrupt(&sandbox->change);
    viewers_sandboxd_gone(sandboxes->server->viewers);
}

void sandboxes_message(struct sandboxes *sandboxes, const struct sandboxd_message *message)
{
    struct sandbox *sandbox;
    switch ((enum sandboxd_kind)message->kind) {
    case SANDBOXD_READY:
        sandbox = sandboxes_find(sandboxes, &message->ready.sandbox);
        metrics_start(&sandboxes->server->metrics, message->ready.start_us, message->ready.parked);
        if (sandbox)
            on_ready(sandbox, message->ready.parked ? STORE_START_PARKED : STORE_START_COLD);
        return;
    case SANDBOXD_POOL:
        metrics_pool(&sandboxes->server->metrics, &message->pool);
        return;
    case SANDBOXD_FAILED:
        sandbox = sandboxes_find(sandboxes, &message->failed.sandbox);
        if (sandbox)
            on_failed(sandbox, &message->failed);
        return;
    case SANDBOXD_ENDED:
        reconcile_ended(sandboxes->reconcile, &message->ended.sandbox);
        sandbox = sandboxes_find(sandboxes, &message->ended.sandbox);
        if (sandbox)
            sandbox_end(sandbox, (enum stop_reason)message->ended.reason,
                        stop_reason_sentence((enum stop_reason)message->ended.reason), &message->ended.usage);
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

void sandboxes_adopt(struct sandboxes *sandboxes, const struct store_sandbox *row, bool ready)
{
    struct sandbox *sandbox = sandboxes_find(sandboxes, &row->id);
    bool known = sandbox != NULL;
    if (!known)
        sandbox = add(sandboxes, row);
    if (!sandbox) {
        log_error("A sandbox can't be managed: out of memory; restart sandbox-server");
        return;
    }
    if (sandbox->state == STATE_STOPPING)
        send_stop(sandbox, sandbox->row.stop_reason ? sandbox->row.stop_reason : STOP_USER);
    else if (sandbox->state == STATE_STARTING && ready)
        on_ready(sandbox, STORE_START_UNKNOWN);
    else if (sandbox->state == STATE_STARTING && !known)
        expect_answer(sandbox, START_ANSWER_US);
    else if (sandbox->state == STATE_RUNNING && !known)
        take_deadlines(sandbox);
    if (row->stop_requested)
        sandbox_stop(sandbox, row->stop_requested, NULL);
}

void sandboxes_lost(struct sandboxes *sandboxes, const struct store_sandbox *row)
{
    struct sandbox *sandbox = sandboxes_find(sandboxes, &row->id);
    if (!sandbox)
        sandbox = add(sandboxes, row);
    if (!sandbox)
        return; // the next reconciliation finds it again
    bool asked = sandbox->state == STATE_STOPPING && sandbox->row.stop_reason;
    enum stop_reason reason = asked ? sandbox->row.stop_reason : STOP_NODE_RESTART;
    sandbox_end(sandbox, reason, stop_reason_sentence(reason), NULL);
}

static void remove_sandbox(struct sandbox *sandbox)
{
    struct sandbox **link = &sandbox->sandboxes->first;
    while (*link != sandbox)
        link = &(*link)->next;
    *link = sandbox->next;
    free_sandbox(sandbox);
}

// The row as it is written; what is known here and not yet there stays.
static void take_row(struct sandbox *sandbox, const struct store_sandbox *row)
{
    enum stop_reason asked = sandbox->row.stop_reason;
    sandbox->row = *row;
    if (!sandbox->row.stop_reason)
        sandbox->row.stop_reason = asked;
}

static void started_recorded(struct sandbox *sandbox, const struct store_sandbox *row)
{
    if (row->state == STATE_ENDED) // taken for lost by someone: what runs must not outlive its row
        sandbox_stop(sandbox, STOP_NODE_RESTART, NULL);
    if (sandbox->state != STATE_RUNNING)
        return;
    waiters_give_row(&sandbox->starters, sandbox);
    take_deadlines(sandbox);
    viewers_started(sandbox);
    if (row->stop_requested)
        sandbox_stop(sandbox, row->stop_requested, NULL);
}

void sandbox_recorded(struct sandbox *sandbox, enum record_change change, int error,
                      const struct store_sandbox *row)
{
    if (error == -ENOENT && change != RECORD_ENDED)
        return;
    if (error && error != -ENOENT) { // it is tried again; who waits is told now
        waiters_store_failed(&sandbox->starters, error);
        waiters_store_failed(&sandbox->stoppers, error);
        if (change == RECORD_CHANGED)
            change_store_failed(&sandbox->change, error);
        return;
    }
    if (!error && change != RECORD_ACTIVE)
        take_row(sandbox, row);
    if (change == RECORD_CHANGED)
        change_recorded(&sandbox->change);
    if (change == RECORD_STARTED)
        started_recorded(sandbox, row);
    if (change != RECORD_ENDED)
        return;
    waiters_start_failed(&sandbox->starters, sandbox);
    waiters_give_row(&sandbox->stoppers, sandbox);
    remove_sandbox(sandbox);
}
