// /api/sandboxes/{id}/recording and /api/recordings*

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/films.h"
#include "server/page_query.h"
#include "server/recorder.h"
#include "server/recording_end.h"
#include "server/recording_files.h"
#include "server/recording_request.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

// The sandbox when it is here, the account's, and running. NULL: answered.
static struct sandbox *find_running(struct exchange *exchange)
{
    struct sandbox *sandbox = sandbox_find_here(exchange);
    if (!sandbox)
        return NULL;
    if (sandbox->state != STATE_RUNNING)
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
    const struct id id = sandbox->row.id;
    recorder_stop(sandbox);
    recording_end_wait(exchange, &id);
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
    return recordings_list(recording_directory_of(exchange), recording_owner_of(exchange), &listing->before,
                           listing->limit, &listing->page);
}

static void show_time(json_t *item, const char *from, const char *to)
{
    json_object_set_new(item, to, time_json(json_integer_value(json_object_get(item, from))));
    json_object_del(item, from);
}

void recordings_finish(struct exchange *exchange)
{
    struct listing *listing = exchange->detail;
    if (recording_answer_failed(exchange))
        return;
    size_t index;
    json_t *item;
    json_array_foreach(listing->page.items, index, item)
    {
        show_time(item, "started_us", "started_at");
        show_time(item, "changed_us", "changed_at");
        struct id id;
        bool recorded = id_parse(json_string_value(json_object_get(item, "id")), &id) == 0 &&
                        recording_writers_have(&exchange->server->recording_writers, &id);
        json_object_set_new(item, "recording", json_boolean(recorded));
    }
    char cursor[ID_TEXT_SIZE] = "";
    if (!id_is_nil(&listing->page.next))
        id_format(&listing->page.next, cursor);
    exchange_json(exchange, 200,
                  json_pack("{s:o, s:s?}", "items", steal_pointer(&listing->page.items), "next_cursor",
                            *cursor ? cursor : NULL));
}

int recording_data_prepare(struct exchange *exchange)
{
    return recording_take_range(exchange);
}

int recording_data_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    return recording_read_range(exchange, RECORDING_STREAM);
}

void recording_data_finish(struct exchange *exchange)
{
    recording_answer_range(exchange);
}

int recording_index_prepare(struct exchange *exchange)
{
    return exchange_detail(exchange, sizeof(struct recording_part)) ? 0 : -1;
}

int recording_index_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    struct recording_part *part = exchange->detail;
    return recordings_index(recording_directory_of(exchange), recording_owner_of(exchange), &exchange->id,
                            &part->bytes, &part->length);
}

void recording_index_finish(struct exchange *exchange)
{
    if (!recording_answer_failed(exchange))
        recording_answer_bytes(exchange, 200);
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
    return recordings_delete(recording_directory_of(exchange), recording_owner_of(exchange), &exchange->id,
                             *busy);
}

void recording_delete_finish(struct exchange *exchange)
{
    if (recording_answer_failed(exchange))
        return;
    char id[ID_TEXT_SIZE];
    id_format(&exchange->id, id);
    log_info("A recording was deleted", {"recording", id}, {"by", exchange->account.username},
             {"source", exchange->source});
    films_drop(exchange->server->films, &exchange->id);
    exchange_empty(exchange, 204);
}
