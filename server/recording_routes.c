// /api/sandboxes/{id}/recording and /api/recordings*

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/page_query.h"
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
    else if (recording_mode(exchange->server) == RECORDING_OFF)
        exchange_problem(exchange, PROBLEM_FORBIDDEN, "The administrator has turned recording off.");
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
    if (recording_mode(exchange->server) == RECORDING_REQUIRED) {
        exchange_problem(exchange, PROBLEM_FORBIDDEN, "Recording is required here.");
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
    else if (exchange->error == -EBUSY)
        exchange_problem(exchange, PROBLEM_CONFLICT, "It is still being recorded.");
    else if (exchange->error == -ERANGE)
        exchange_problem(exchange, PROBLEM_RANGE, "The recording ends before that.");
    else if (exchange->error == -EPROTO || exchange->error == -EFBIG)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "The file is no recording of this version.");
    else
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 5, "The recordings can't be read now.");
    return true;
}

struct listing {
    struct id before;
    unsigned limit;
    struct recordings_page page;
};

int recordings_prepare(struct exchange *exchange)
{
    struct listing *listing = exchange_detail(exchange, sizeof(*listing));
    return listing ? page_query_read(exchange, false, &listing->limit, &listing->before) : -1;
}

int recordings_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    struct listing *listing = exchange->detail;
    return recordings_list(directory_of(exchange), owner_of(exchange), &listing->before, listing->limit,
                           &listing->page);
}

static void show_time(json_t *item, const char *from, const char *to)
{
    json_object_set_new(item, to, time_json(json_integer_value(json_object_get(item, from))));
    json_object_del(item, from);
}

void recordings_finish(struct exchange *exchange)
{
    struct listing *listing = exchange->detail;
    if (answer_failed(exchange))
        return;
    size_t index;
    json_t *item;
    json_array_foreach(listing->page.items, index, item)
    {
        show_time(item, "started_us", "started_at");
        show_time(item, "changed_us", "changed_at");
    }
    char cursor[ID_TEXT_SIZE] = "";
    if (!id_is_nil(&listing->page.next))
        id_format(&listing->page.next, cursor);
    exchange_json(exchange, 200,
                  json_pack("{s:o, s:s?}", "items", steal_pointer(&listing->page.items), "next_cursor",
                            *cursor ? cursor : NULL));
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
    return recordings_read(directory_of(exchange), owner_of(exchange), &exchange->id, RECORDING_STREAM,
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
    return recordings_index(directory_of(exchange), owner_of(exchange), &exchange->id, &part->bytes,
                            &part->length);
}

void recording_index_finish(struct exchange *exchange)
{
    if (!answer_failed(exchange))
        answer_bytes(exchange, 200);
}

int recording_delete_prepare(struct exchange *exchange)
{
    bool *busy = exchange_detail(exchange, sizeof(*busy));
    if (!busy)
        return -1;
    *busy = recording_writers_have(&exchange->server->recording_writers, &exchange->id);
    return 0;
}

int recording_delete_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    const bool *busy = exchange->detail;
    return recordings_delete(directory_of(exchange), owner_of(exchange), &exchange->id, *busy);
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
