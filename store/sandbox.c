#include "store/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/layers.h"
#include "store/query.h"
#include "store/row.h"
#include "store/sandbox_row.h"

static const char *const state_names[STATE_COUNT] = {
    [STATE_STARTING] = "starting",
    [STATE_RUNNING] = "running",
    [STATE_STOPPING] = "stopping",
    [STATE_ENDED] = "ended",
};

// Outcomes of the SQL function sandbox_insert.
static const struct {
    const char *name;
    int error;
    enum store_outcome outcome;
} outcomes[] = {
    {"inserted", 0, STORE_INSERTED},
    {"existed", 0, STORE_EXISTED},
    {"over_per_user", -EDQUOT, STORE_OVER_PER_USER},
    {"over_per_node", -EDQUOT, STORE_OVER_PER_NODE},
    {"no_account", -ENOENT, 0},
    {"account_disabled", -EKEYREVOKED, 0},
};

const char *store_state_name(unsigned state)
{
    return state < STATE_COUNT ? state_names[state] : NULL;
}

const char *store_start_name(unsigned start)
{
    static const char *const names[STORE_START_COUNT] = {
        [STORE_START_COLD] = "cold", [STORE_START_PARKED] = "parked"};
    return start < STORE_START_COUNT ? names[start] : NULL;
}

static enum store_start read_start(struct row *row)
{
    const char *name = row_borrow(row);
    for (unsigned i = STORE_START_UNKNOWN + 1; i < STORE_START_COUNT; i++) {
        if (strcmp(name, store_start_name(i)) == 0)
            return (enum store_start)i;
    }
    row->failed |= *name != '\0';
    return STORE_START_UNKNOWN;
}

static enum stop_reason read_reason(struct row *row)
{
    const char *name = row_borrow(row);
    enum stop_reason reason = *name ? stop_reason_of(name) : STOP_NONE;
    if (*name && reason == STOP_NONE)
        row->failed = true;
    return reason;
}

static void read_times(struct row *row, struct store_sandbox *sandbox)
{
    sandbox->created_us = row_number(row);
    sandbox->started_us = row_number(row);
    sandbox->ended_us = row_number(row);
    sandbox->expires_us = row_number(row);
    sandbox->idle_expires_us = row_number(row);
}

int sandbox_row_read(const PGresult *result, int number, struct store_sandbox *ret_sandbox)
{
    struct row row = row_of(result, number);
    struct store_sandbox sandbox = {0};
    sandbox.id = row_id(&row);
    sandbox.account = row_id(&row);
    row_text(&row, sandbox.template_name, sizeof(sandbox.template_name));
    row_text(&row, sandbox.node, sizeof(sandbox.node));
    sandbox.state = (enum store_state)row_choice(&row, store_state_name, STATE_COUNT);
    sandbox.limits.memory_mb = (uint32_t)row_number(&row);
    sandbox.limits.cpu_percent = (uint32_t)row_number(&row);
    sandbox.limits.pids = (uint32_t)row_number(&row);
    sandbox.session_seconds = (uint32_t)row_number(&row);
    sandbox.idle_seconds = (uint32_t)row_number(&row);
    sandbox.display_width = (uint32_t)row_number(&row);
    sandbox.display_height = (uint32_t)row_number(&row);
    read_times(&row, &sandbox);
    sandbox.stop_requested = read_reason(&row);
    sandbox.stop_reason = read_reason(&row);
    row_text(&row, sandbox.stop_detail, sizeof(sandbox.stop_detail));
    sandbox.usage.cpu_us = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.peak_memory_bytes = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.network_in_bytes = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.network_out_bytes = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.network_allowed = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.network_refused = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.processes = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.refused_processes = (uint64_t)row_number_or(&row, -1);
    sandbox.usage.written_bytes = (uint64_t)row_number_or(&row, -1);
    int error = layers_decode(row_borrow(&row), sandbox.layers);
    row_text(&row, sandbox.network, sizeof(sandbox.network));
    sandbox.start = read_start(&row);
    row_text(&row, sandbox.policy, sizeof(sandbox.policy));
    if (error || row_end(&row))
        return -EIO;
    *ret_sandbox = sandbox;
    return 0;
}

static int read_insert(const PGresult *result, enum store_outcome *ret_outcome, struct id *ret_id)
{
    struct row row = row_of(result, 0);
    const char *name = row_borrow(&row);
    *ret_id = row_id(&row);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]) && !row.failed; i++) {
        if (strcmp(outcomes[i].name, name) != 0)
            continue;
        if (outcomes[i].error == 0 || outcomes[i].error == -EDQUOT)
            *ret_outcome = outcomes[i].outcome;
        return outcomes[i].error;
    }
    return -EIO;
}

int store_sandbox_insert(struct store *store, const struct store_sandbox_order *order,
                         enum store_outcome *ret_outcome, struct store_sandbox *ret_sandbox)
{
    AUTO_FREE char *layers = layers_encode(order->layers);
    if (!layers)
        return -ENOMEM;
    struct arguments arguments = {0};
    argument_id(&arguments, &order->id);
    argument_id(&arguments, &order->account);
    argument_text(&arguments, order->template_name);
    argument_text(&arguments, order->node);
    argument_number(&arguments, order->limits.memory_mb);
    argument_number(&arguments, order->limits.cpu_percent);
    argument_number(&arguments, order->limits.pids);
    argument_number(&arguments, order->session_seconds);
    argument_number(&arguments, order->idle_seconds);
    argument_number(&arguments, order->display_width);
    argument_number(&arguments, order->display_height);
    argument_text(&arguments, layers);
    argument_text(&arguments, order->idempotency_key);
    argument_number(&arguments, order->maximum_per_user);
    argument_number(&arguments, order->maximum_per_node);
    argument_text(&arguments, order->network);
    argument_text(&arguments, order->policy);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SANDBOX_INSERT, &arguments, &result);
    if (error)
        return error;
    struct id id;
    error = read_insert(result, ret_outcome, &id);
    return error ? error : store_sandbox_get(store, &id, NULL, ret_sandbox);
}

int store_sandbox_get(struct store *store, const struct id *id, const struct id *account,
                      struct store_sandbox *ret_sandbox)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_id(&arguments, account);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SANDBOX_GET, &arguments, &result);
    return error ? error : sandbox_row_read(result, 0, ret_sandbox);
}

static int change(struct store *store, enum statement statement, const struct arguments *arguments,
                  const struct id *id, struct store_sandbox *ret_sandbox)
{
    QUERY_RESULT result = NULL;
    int error = query_run(store, statement, arguments, &result);
    return error ? error : store_sandbox_get(store, id, NULL, ret_sandbox);
}

int store_sandbox_started(struct store *store, const struct id *id, enum store_start start,
                          struct store_sandbox *ret_sandbox)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_text(&arguments, store_start_name(start));
    return change(store, SQL_SANDBOX_STARTED, &arguments, id, ret_sandbox);
}

int store_sandbox_stopping(struct store *store, const struct id *id, enum stop_reason reason,
                           struct store_sandbox *ret_sandbox)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_text(&arguments, stop_reason_name(reason));
    return change(store, SQL_SANDBOX_STOPPING, &arguments, id, ret_sandbox);
}

// Cut between characters: half a character of UTF-8 would be refused by the database.
static void cut_detail(const char *detail, char ret_text[static STORE_STOP_DETAIL_MAX + 1])
{
    size_t length = strnlen(detail, STORE_STOP_DETAIL_MAX + 1);
    if (length > STORE_STOP_DETAIL_MAX) {
        length = STORE_STOP_DETAIL_MAX;
        while (length > 0 && ((unsigned char)detail[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(ret_text, detail, length);
    ret_text[length] = '\0';
}

static void argument_amount(struct arguments *arguments, uint64_t amount)
{
    if (amount == UINT64_MAX)
        argument_text(arguments, NULL);
    else
        argument_number(arguments, amount > INT64_MAX ? INT64_MAX : (int64_t)amount);
}

int store_sandbox_ended(struct store *store, const struct id *id, enum stop_reason reason, const char *detail,
                        const struct sandbox_usage *usage, struct store_sandbox *ret_sandbox)
{
    char text[STORE_STOP_DETAIL_MAX + 1];
    cut_detail(detail, text);
    const struct sandbox_usage used = usage ? *usage : SANDBOX_USAGE_UNKNOWN;
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_text(&arguments, stop_reason_name(reason));
    argument_text(&arguments, text);
    argument_amount(&arguments, used.cpu_us);
    argument_amount(&arguments, used.peak_memory_bytes);
    argument_amount(&arguments, used.network_in_bytes);
    argument_amount(&arguments, used.network_out_bytes);
    argument_amount(&arguments, used.network_allowed);
    argument_amount(&arguments, used.network_refused);
    argument_amount(&arguments, used.processes);
    argument_amount(&arguments, used.refused_processes);
    argument_amount(&arguments, used.written_bytes);
    return change(store, SQL_SANDBOX_ENDED, &arguments, id, ret_sandbox);
}

int store_sandbox_changed(struct store *store, const struct id *id, const struct sandbox_limits *limits,
                          const char *network, struct store_sandbox *ret_sandbox)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_number(&arguments, limits->memory_mb);
    argument_number(&arguments, limits->cpu_percent);
    argument_number(&arguments, limits->pids);
    argument_text(&arguments, network);
    return change(store, SQL_SANDBOX_CHANGED, &arguments, id, ret_sandbox);
}

int store_prune_sandboxes(struct store *store, int64_t days)
{
    struct arguments arguments = {0};
    argument_number(&arguments, days);
    argument_number(&arguments, STORE_PRUNE_SANDBOXES_MAX);
    QUERY_RESULT result = NULL;
    return query_run(store, SQL_PRUNE_SANDBOXES, &arguments, &result);
}

int store_sandbox_moved(struct store *store, const struct id *id, int64_t expires_us, int64_t idle_expires_us,
                        struct store_sandbox *ret_sandbox)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_number(&arguments, expires_us);
    argument_number(&arguments, idle_expires_us);
    return change(store, SQL_SANDBOX_MOVED, &arguments, id, ret_sandbox);
}

int store_sandbox_active_at(struct store *store, const struct id *id, int64_t active_us)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_number(&arguments, active_us);
    QUERY_RESULT result = NULL;
    return query_one(store, SQL_SANDBOX_ACTIVE_AT, &arguments, &result);
}

int store_sandbox_request_stop(struct store *store, const struct id *id, enum stop_reason reason)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_text(&arguments, stop_reason_name(reason));
    QUERY_RESULT result = NULL;
    return query_one(store, SQL_SANDBOX_REQUEST_STOP, &arguments, &result);
}
