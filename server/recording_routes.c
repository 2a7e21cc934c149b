// /api/sandboxes/{id}/recording and /api/recordings*

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/recorder.h"
#include "server/recording_files.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

// The sandbox when it is here, the account's, and running. NULL: answered.
static struct sandbox *find_running(struct exchange *exchange)
{
    if (sandbox_answer_missing(exchange))
        return NULL;
    const struct store_sandbox *row = exchange->detail;
    struct sandbox *sandbox = sandboxes_find(exchange->server->sandboxes, &row->id);
    if (row->state != STATE_ENDED && strcmp(row->node, exchange->server->node) != 0)
        sandbox_answer_wrong_node(exchange, row);
    else if (!sandbox || sandbox->state != STATE_RUNNING)
        exchange_problem(exchange, PROBLEM_CONFLICT, "The sandbox is not running.");
    else if (sandbox->policy.recording == RECORDING_OFF)
        exchange_problem(exchange, PROBLEM_FORBIDDEN, "Recording is turned off for desktops of this kind.");
    else
        return sandbox;
    return NULL;
}

void recording_start_finish(struct exchange *exchange)
{
    struct sandbox *sandbox = find_running(exchange);
    if (!sandbox)
        return;
    recorder_start(sandbox);
    exchange_empty(exchange, 204);
}

void recording_stop_finish(struct exchange *exchange)
{
    struct sandbox *sandbox = find_running(exchange);
    if (!sandbox)
        return;
    if (sandbox->policy.recording == RECORDING_REQUIRED) {
        exchange_problem(exchange, PROBLEM_FORBIDDEN, "Recording is required for desktops of this kind.");
        return;
    }
    recorder_stop(sandbox);
    exchange_empty(exchange, 204);
}

// NULL: whoever's, for administrators.
static const struct id *owner_of(const struct exchange *exchange)
{
    return exchange->account.role == ROLE_ADMIN ? NULL : &exchange->account.id;
}

static const char *directory_of(const struct exchange *exchange)
{
    return config_text(exchange->server->config, CONFIG_RECORDINGS_DIR);
}

static bool answer_failed(struct exchange *exchange)
{
    if (!exchange->error)
        return false;
    if (exchange->error == -ENOENT)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "You have no such recording.");
    else if (exchange->error == -ERANGE)
        exchange_problem(exchange, PROBLEM_RANGE, "The recording ends before that.");
    else if (exchange->error == -EPROTO || exchange->error == -EFBIG)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "The file is no recording of this version.");
    else
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 5, "The recordings can't be read now.");
    return true;
}

struct recordings {
    json_t *items;
};

int recordings_prepare(struct exchange *exchange)
{
    return exchange_detail(exchange, sizeof(struct recordings)) ? 0 : -1;
}

int recordings_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    struct recordings *recordings = exchange->detail;
    int error = recordings_list(directory_of(exchange), owner_of(exchange), &recordings->items);
    if (error != -ENOENT)
        return error;
    recordings->items = json_array();
    return 0;
}

void recordings_finish(struct exchange *exchange)
{
    struct recordings *recordings = exchange->detail;
    if (answer_failed(exchange))
        return;
    size_t index;
    json_t *item;
    json_array_foreach(recordings->items, index, item)
    {
        json_object_set_new(item, "started_at",
                            time_json(json_integer_value(json_object_get(item, "started_us"))));
        json_object_set_new(item, "changed_at",
                            time_json(json_integer_value(json_object_get(item, "changed_us"))));
        json_object_del(item, "started_us");
        json_object_del(item, "changed_us");
    }
    exchange_json(exchange, 200, json_pack("{s:o}", "items", steal_pointer(&recordings->items)));
}

struct part {
    uint64_t from, size;
    size_t length;
    char *bytes;
};

#define DIGITS "0123456789"
#define DIGITS_MAX 18 // fits into 63 bits

// "bytes=a-b" or "bytes=a-" (RFC 9110 section 14.1.2), nothing else.
static bool take_range(const char *text, struct part *part)
{
    static const char unit[] = "bytes=";
    if (strncmp(text, unit, sizeof(unit) - 1) != 0)
        return false;
    const char *first = text + sizeof(unit) - 1;
    size_t first_length = strspn(first, DIGITS);
    const char *last = first + first_length + 1;
    if (first_length < 1 || first_length > DIGITS_MAX || first[first_length] != '-')
        return false;
    size_t last_length = strspn(last, DIGITS);
    if (last_length > DIGITS_MAX || last[last_length])
        return false;
    part->from = strtoull(first, NULL, 10);
    uint64_t to = last_length ? strtoull(last, NULL, 10) : UINT64_MAX;
    if (to < part->from)
        return false;
    part->length =
        to - part->from < RECORDING_RANGE_MAX ? (size_t)(to - part->from) + 1 : RECORDING_RANGE_MAX;
    return true;
}

int recording_data_prepare(struct exchange *exchange)
{
    struct part *part = exchange_detail(exchange, sizeof(*part));
    if (!part)
        return -1;
    if (take_range(exchange->range, part))
        return 0;
    exchange_problem(exchange, PROBLEM_BAD_REQUEST, "Ask for one range: Range: bytes=<first>-<last>.");
    return -1;
}

int recording_data_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    struct part *part = exchange->detail;
    return recordings_read(directory_of(exchange), owner_of(exchange), &exchange->id, RECORDING_DATA,
                           part->from, &part->bytes, &part->length, &part->size);
}

static void answer_bytes(struct exchange *exchange, unsigned status)
{
    struct part *part = exchange->detail;
    struct answer *answer = &exchange->answer;
    answer->status = status;
    answer->content_type = "application/octet-stream";
    answer->owned = steal_pointer(&part->bytes);
    answer->body = answer->owned;
    answer->length = part->length;
    exchange_answer(exchange);
}

void recording_data_finish(struct exchange *exchange)
{
    const struct part *part = exchange->detail;
    if (answer_failed(exchange))
        return;
    snprintf(exchange->answer.content_range, sizeof(exchange->answer.content_range), "bytes %llu-%llu/%llu",
             (unsigned long long)part->from, (unsigned long long)(part->from + part->length - 1),
             (unsigned long long)part->size);
    answer_bytes(exchange, 206);
}

int recording_index_prepare(struct exchange *exchange)
{
    return exchange_detail(exchange, sizeof(struct part)) ? 0 : -1;
}

int recording_index_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    struct part *part = exchange->detail;
    return recordings_read(directory_of(exchange), owner_of(exchange), &exchange->id, RECORDING_INDEX, 0,
                           &part->bytes, &part->length, &part->size);
}

void recording_index_finish(struct exchange *exchange)
{
    if (!answer_failed(exchange))
        answer_bytes(exchange, 200);
}

int recording_delete_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    return recordings_delete(directory_of(exchange), owner_of(exchange), &exchange->id);
}

void recording_delete_finish(struct exchange *exchange)
{
    if (answer_failed(exchange))
        return;
    char id[ID_TEXT_SIZE];
    id_format(&exchange->id, id);
    log_info("A recording was deleted", {"recording", id}, {"by", exchange->account.username},
             {"source", exchange->source});
    exchange_empty(exchange, 204);
}
