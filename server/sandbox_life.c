// What becomes of one sandbox: its start, its limits in time, its end, and who is told of them.

#include "server/sandbox_life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "server/clock.h"
#include "server/network_wish.h"
#include "server/notices.h"
#include "server/recorder.h"
#include "server/server.h"
#include "server/viewers.h"
#include "server/waiters.h"

#define START_ANSWER_US (10 * SECOND_US) // after sandboxd has given it up
#define STOP_ANSWER_US (10 * SECOND_US)
#define ACTIVITY_SAVE_US (30 * SECOND_US) // a restart forgets at most this much of the latest input
#define TICK_MAX_US (60 * SECOND_US)      // so that a step of the wall clock is seen

static void arm(struct sandbox *sandbox, int64_t after_us)
{
    loop_timer_set(sandboxes_server(sandbox->sandboxes)->loop, &sandbox->timer,
                   after_us < TICK_MAX_US ? after_us : TICK_MAX_US);
}

static void expect_answer(struct sandbox *sandbox, int64_t within_us)
{
    sandbox->answer_by_us = clock_monotonic_us() + within_us;
    arm(sandbox, within_us);
}

void sandbox_move(struct sandbox *sandbox, int64_t step_us)
{
    if (sandbox->state != STATE_RUNNING || !sandbox->deadlines.limit_us)
        return;
    deadlines_move(&sandbox->deadlines, step_us);
    if (sandbox->active_us)
        sandbox->active_us += step_us;
    sandbox->saved_us = sandbox->active_us;
    record_moved(&sandbox->record, sandbox->deadlines.limit_us, sandbox->deadlines.idle_us);
    arm(sandbox, 0);
}

static void take_deadlines(struct sandbox *sandbox)
{
    sandboxes_check_clock(sandbox->sandboxes);
    const struct config *config = sandboxes_server(sandbox->sandboxes)->config;
    sandbox->deadlines.limit_us = sandbox->row.expires_us;
    sandbox->deadlines.warning_us = config_number(config, CONFIG_SANDBOX_WARNING_SECS) * SECOND_US;
    if (sandbox->row.idle_expires_us > sandbox->deadlines.idle_us)
        sandbox->deadlines.idle_us = sandbox->row.idle_expires_us;
    arm(sandbox, 0);
}

static void expect_start(struct sandbox *sandbox)
{
    const struct config *config = sandboxes_server(sandbox->sandboxes)->config;
    expect_answer(sandbox,
                  config_number(config, CONFIG_SANDBOX_START_TIMEOUT_SECS) * SECOND_US + START_ANSWER_US);
}

static void send_stop(struct sandbox *sandbox, enum stop_reason reason)
{
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = sandbox->row.id, .reason = reason}};
    // Unsent: reconciliation with the next connection sends it again.
    (void)sandboxd_client_send(sandboxes_server(sandbox->sandboxes)->sandboxd, &stop);
}

void sandboxes_start(struct sandboxes *sandboxes, const struct store_sandbox *row, uint32_t account_number,
                     const struct network_wish *network, struct exchange *exchange)
{
    struct sandbox *sandbox = sandboxes_add(sandboxes, row);
    if (!sandbox) {
        sandboxes_abandon(sandboxes);
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 5,
                               "The server is out of memory. Try again later.");
        return;
    }
    metrics_count(&sandboxes_server(sandboxes)->metrics, METRIC_SANDBOX_STARTS);
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
    expect_start(sandbox);
    if ((network->rule_count > 0 && network_wish_send(network, sandboxes_server(sandboxes)->sandboxd) < 0) ||
        sandboxd_client_send(sandboxes_server(sandboxes)->sandboxd, &create) < 0)
        sandbox_end(sandbox, STOP_START_FAILED, "The sandbox manager of this node could not be reached.",
                    NULL);
}

void sandbox_wait_start(struct sandbox *sandbox, struct exchange *exchange)
{
    waiters_add(&sandbox->starters, exchange);
    if (sandbox->state == STATE_STOPPING && !sandbox->answer_by_us)
        expect_answer(sandbox, STOP_ANSWER_US);
}

void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason, struct exchange *exchange)
{
    if (exchange)
        waiters_add(&sandbox->stoppers, exchange);
    if (sandbox->state == STATE_ENDED)
        return;
    bool first = sandbox->state != STATE_STOPPING;
    bool waited_for = !first && sandbox->answer_by_us; // who asks again puts off nobody's answer
    sandbox->state = STATE_STOPPING;
    if (first) {
        sandbox->row.stop_reason = reason;
        record_stopping(&sandbox->record, reason);
        send_stop(sandbox, reason);
    }
    if (!waited_for)
        expect_answer(sandbox, STOP_ANSWER_US);
}

void sandbox_active(struct sandbox *sandbox)
{
    if (sandbox->state != STATE_RUNNING)
        return;
    sandboxes_check_clock(sandbox->sandboxes);
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
    sandboxes_check_clock(sandbox->sandboxes);
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

void sandbox_tick(void *data)
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

void sandbox_resume(struct sandbox *sandbox, bool known, bool ready)
{
    if (sandbox->state == STATE_STOPPING)
        send_stop(sandbox, sandbox->row.stop_reason ? sandbox->row.stop_reason : STOP_USER);
    else if (sandbox->state == STATE_STARTING && ready)
        sandbox_ready(sandbox, STORE_START_UNKNOWN);
    else if (sandbox->state == STATE_STARTING && !known)
        expect_start(sandbox);
    else if (sandbox->state == STATE_RUNNING && !known)
        take_deadlines(sandbox);
}

void sandbox_ready(struct sandbox *sandbox, enum store_start start)
{
    if (sandbox->state != STATE_STARTING)
        return;
    sandbox->state = STATE_RUNNING;
    sandbox->answer_by_us = 0;
    record_started(&sandbox->record, start);
}

void sandbox_end(struct sandbox *sandbox, enum stop_reason reason, const char *detail,
                 const struct sandbox_usage *usage)
{
    if (sandbox->state == STATE_ENDED)
        return;
    sandbox->state = STATE_ENDED;
    change_interrupt(&sandbox->change);
    metrics_end(&sandboxes_server(sandbox->sandboxes)->metrics, reason);
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    log_info("A sandbox ended", {"sandbox", id}, {"reason", stop_reason_name(reason)}, {"detail", detail});
    recorder_stop(sandbox);
    viewers_end(sandbox, reason, detail);
    record_ended(&sandbox->record, reason, detail, usage);
}

void sandbox_failed(struct sandbox *sandbox, const struct sandboxd_failed *failed)
{
    if (sandbox->state == STATE_ENDED)
        return;
    char detail[STORE_STOP_DETAIL_MAX];
    metrics_start_failed(&sandboxes_server(sandbox->sandboxes)->metrics, failed->stage);
    snprintf(detail, sizeof(detail), "The start failed at the stage \"%s\" (%s).",
             start_stage_name(failed->stage), strerror(failed->error));
    sandbox_end(sandbox, STOP_START_FAILED, detail, NULL);
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

// The row as it is written; what is known here and not yet there stays.
static void take_row(struct sandbox *sandbox, const struct store_sandbox *row)
{
    enum stop_reason asked = sandbox->row.stop_reason;
    sandbox->row = *row;
    if (!sandbox->row.stop_reason)
        sandbox->row.stop_reason = asked;
}

void sandbox_recorded(struct sandbox *sandbox, enum record_change change, int error,
                      const struct store_sandbox *row)
{
    if (error == -ENOENT && change == RECORD_STARTED)
        sandbox_stop(sandbox, STOP_NODE_RESTART,
                     NULL); // it must not outlive its row, and who waits is told its end
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
    if (change == RECORD_CHANGED && !record_waits(&sandbox->record, RECORD_CHANGED))
        change_recorded(&sandbox->change);
    if (change == RECORD_STARTED)
        started_recorded(sandbox, row);
    if (change != RECORD_ENDED)
        return;
    waiters_start_failed(&sandbox->starters, sandbox);
    waiters_give_row(&sandbox->stoppers, sandbox);
    sandboxes_remove(sandbox);
}
