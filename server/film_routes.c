// /api/recordings/{id}/mp4*

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "server/films.h"
#include "server/recording_request.h"
#include "server/routes.h"
#include "server/server.h"

struct request {
    struct id owner;
    bool recorded;  // it is still being
    bool under_way; // the film was, when the request came
    bool made;
    uint64_t bytes; // of the film
};

int film_prepare(struct exchange *exchange)
{
    struct request *request = exchange_detail(exchange, sizeof(*request));
    if (!request)
        return -1;
    request->recorded = recording_writers_have(&exchange->server->recording_writers, &exchange->id);
    enum film_state state = films_status(exchange->server->films, &exchange->id).state;
    request->under_way = state == FILM_WAITING || state == FILM_WORKING;
    return 0;
}

int film_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    struct request *request = exchange->detail;
    AUTO_FD int account = -1, film = -1;
    struct stat status;
    int error = recording_directory_find(recording_directory_of(exchange), recording_owner_of(exchange),
                                         &exchange->id, &request->owner, &account);
    if (error)
        return error;
    request->made = recording_open(account, &exchange->id, RECORDING_MP4, O_RDONLY, &film) == 0 &&
                    fstat(film, &status) == 0;
    request->bytes = request->made ? (uint64_t)status.st_size : 0;
    return 0;
}

static void answer_status(struct exchange *exchange, unsigned status)
{
    static const char *const names[] = {[FILM_NONE] = "none",
                                        [FILM_WAITING] = "waiting",
                                        [FILM_WORKING] = "working",
                                        [FILM_FAILED] = "failed"};
    const struct request *request = exchange->detail;
    struct film_status film = films_status(exchange->server->films, &exchange->id);
    // It became whole after the worker had looked: the next request tells.
    if (film.state == FILM_NONE && request->under_way && !request->made)
        film = (struct film_status){.state = FILM_WORKING, .permille = 1000};
    bool made = request->made && film.state == FILM_NONE;
    exchange_json(exchange, status,
                  json_pack("{s:s, s:f, s:I, s:s?}", "state", made ? "ready" : names[film.state], "progress",
                            made ? 1.0 : film.permille / 1000.0, "bytes",
                            (json_int_t)(made ? request->bytes : 0), "problem", film.problem));
}

void film_status_finish(struct exchange *exchange)
{
    if (!recording_answer_failed(exchange))
        answer_status(exchange, 200);
}

void film_begin_finish(struct exchange *exchange)
{
    const struct request *request = exchange->detail;
    if (recording_answer_failed(exchange))
        return;
    if (request->recorded) {
        exchange_problem(exchange, PROBLEM_CONFLICT, "It is still being recorded.");
        return;
    }
    int error = request->made ? 0 : films_begin(exchange->server->films, &exchange->id, &request->owner);
    if (error)
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 10,
                               error == -EDQUOT ? "Wait until one of your other films is made."
                                                : "Too many films are being made.");
    else
        answer_status(exchange, request->made ? 200 : 202);
}

int film_data_work(struct exchange *exchange, struct store *store)
{
    (void)store;
    return recording_read_range(exchange, RECORDING_MP4);
}
