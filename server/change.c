#include "server/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
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

static void answer(struct change *change, const struct change_outcome *outcome)
{
    change_answered *answered = change->answered;
    change->answered = NULL;
    change->wish = NULL;
    loop_timer_cancel(&change->timer);
    if (answered)
        answered(change->data, outcome);
}

void change_interrupt(struct change *change)
{
    answer(change, &(struct change_outcome){
                       .problem = PROBLEM_SANDBOXES_UNAVAILABLE,
                       .detail = "The answer did not come in time. Look at the sandbox again in a moment.",
                       .retry_after_s = 1});
}

bool change_busy(const struct change *change)
{
    return change->stage != CHANGE_NONE;
}

static struct sandboxd_client *sandboxd_of(struct change *change)
{
    return sandboxes_server(change->sandbox->sandboxes)->sandboxd;
}

static void record(struct change *change)
{
    change->stage = CHANGE_RECORDING;
    record_changed(&change->sandbox->record, &change->limits, change->network);
}

// Nothing was changed.
static void fail(struct change *change, enum problem problem, const char *detail)
{
    change->stage = CHANGE_NONE;
    answer(change, &(struct change_outcome){.problem = problem, .detail = detail});
}

// Unsent: the connection ends, and with the next one what is in force is told.
static void send_network(struct change *change, const struct network_wish *network)
{
    struct sandboxd_message set = {
        .kind = SANDBOXD_SET_NETWORK,
        .set_network = {.sandbox = change->sandbox->row.id, .serial = ++change->serial}};
    memcpy(change->sent_network, network->text, sizeof(network->text));
    change->stage = CHANGE_NETWORK;
    if (network_wish_send(network, sandboxd_of(change)) < 0 ||
        sandboxd_client_send(sandboxd_of(change), &set) < 0)
        change_interrupt(change);
}

static void send_limits(struct change *change, const struct sandbox_limits *wished)
{
    struct sandbox_limits limits = change->limits;
    limits.memory_mb = wished->memory_mb ? wished->memory_mb : limits.memory_mb;
    limits.cpu_percent = wished->cpu_percent ? wished->cpu_percent : limits.cpu_percent;
    limits.pids = wished->pids ? wished->pids : limits.pids;
    struct sandboxd_message set = {.kind = SANDBOXD_SET_LIMITS,
                                   .set_limits = {.sandbox = change->sandbox->row.id, .limits = limits}};
    change->stage = CHANGE_LIMITS;
    if (sandboxd_client_send(sandboxd_of(change), &set) < 0)
        change_interrupt(change);
}

void change_begin(struct change *change, const struct change_wish *wish, change_answered *answered,
                  void *data)
{
    change->wish = wish;
    change->answered = answered;
    change->data = data;
    change->outcome = (struct change_outcome){0};
    loop_timer_set(sandboxes_server(change->sandbox->sandboxes)->loop, &change->timer, ANSWER_US);
    if (wish->has_limits)
        send_limits(change, &wish->limits);
    else
        send_network(change, &wish->network);
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

void change_limits_set(struct change *change, const struct sandboxd_limits_set *message)
{
    if (change->stage != CHANGE_LIMITS)
        return;
    if (message->error) {
        limits_refused(change, message->error);
        return;
    }
    change->limits = message->limits;
    // Nobody waits any more, and the wish has gone with who did: what is in force is recorded.
    if (change->wish && change->wish->has_network)
        send_network(change, &change->wish->network);
    else
        record(change);
}

void change_network_set(struct change *change, const struct sandboxd_network_set *message)
{
    if (change->stage != CHANGE_NETWORK || message->serial != change->serial)
        return;
    if (message->error == 0)
        memcpy(change->network, change->sent_network, sizeof(change->network));
    else
        change->outcome = (struct change_outcome){
            .problem = PROBLEM_CONFLICT,
            .detail = "\"network\" could not be set: the sandbox is ending, or has no way out."};
    record(change);
}

static bool limits_equal(const struct sandbox_limits *one, const struct sandbox_limits *other)
{
    return one->memory_mb == other->memory_mb && one->cpu_percent == other->cpu_percent &&
           one->pids == other->pids;
}

void change_in_force(struct change *change, const struct store_sandbox *row,
                     const struct sandbox_limits *limits, const char *network)
{
    char id[ID_TEXT_SIZE];
    change->stage = CHANGE_NONE;
    change->limits = *limits;
    snprintf(change->network, sizeof(change->network), "%s", network);
    if (limits_equal(limits, &row->limits) && network_text_equal(network, row->network))
        return;
    id_format(&row->id, id);
    log_warning("The database said other limits or another network than are in force: it is mended",
                {"sandbox", id});
    record(change);
}

void change_recorded(struct change *change)
{
    if (change->stage != CHANGE_RECORDING)
        return;
    change->stage = CHANGE_NONE;
    answer(change, &change->outcome);
}

void change_store_failed(struct change *change, int error)
{
    answer(change, &(struct change_outcome){.store_error = error});
}
