#include "server/recording_end.h"

#include <stdlib.h>

#include "server/clock.h"
#include "server/server.h"

#define WAIT_US (5 * SECOND_US)

struct recording_end {
    struct exchange *exchange;
    struct id sandbox;
    int error; // of one of its recordings
    struct loop_timer timer;
    struct recording_end *next;
};

static void answer_ending(struct exchange *exchange)
{
    exchange_json(exchange, 202, json_pack("{s:s}", "state", "ending"));
}

static void answer(struct recording_end *end, bool ended)
{
    struct exchange *exchange = end->exchange;
    struct recording_end **link = &exchange->server->recording_ends;
    while (*link != end)
        link = &(*link)->next;
    *link = end->next;
    loop_timer_cancel(&end->timer);
    if (end->error)
        exchange_problem(exchange, PROBLEM_UNAVAILABLE,
                         "The recording has ended, but not all of it could be written.");
    else if (ended)
        exchange_empty(exchange, 204);
    else
        answer_ending(exchange);
    free(end);
}

static void on_timer(void *data)
{
    answer(data, false);
}

void recording_end_wait(struct exchange *exchange, const struct id *sandbox)
{
    struct server *server = exchange->server;
    bool ended = !recording_writers_closing(&server->recording_writers, sandbox);
    struct recording_end *end = ended ? NULL : calloc(1, sizeof(*end));
    if (ended) {
        exchange_empty(exchange, 204);
        return;
    }
    if (!end) {
        answer_ending(exchange);
        return;
    }
    *end = (struct recording_end){.exchange = exchange,
                                  .sandbox = *sandbox,
                                  .timer = {.fire = on_timer, .data = end},
                                  .next = server->recording_ends};
    server->recording_ends = end;
    loop_timer_set(server->loop, &end->timer, WAIT_US);
}

void recording_end_told(void *data, const struct recording_header *header, int error)
{
    struct server *server = data;
    bool more = recording_writers_closing(&server->recording_writers, &header->sandbox);
    for (struct recording_end *end = server->recording_ends, *next; end; end = next) {
        next = end->next;
        if (!id_equal(&end->sandbox, &header->sandbox))
            continue;
        end->error = end->error ? end->error : error;
        if (!more)
            answer(end, true);
    }
}

void recording_ends_free(struct server *server)
{
    while (server->recording_ends)
        answer(server->recording_ends, false);
}
