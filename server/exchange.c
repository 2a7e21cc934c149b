#include "server/exchange.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/http.h"
#include "server/server.h"
#include "store/sign_in.h"

struct exchange *exchange_new(struct server *server, struct connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->started_us = clock_monotonic_us();
    struct id id = id_new();
    id_format(&id, exchange->request_id);
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->body)
        explicit_bzero(exchange->body, exchange->body_length);
    free(exchange->body);
    if (exchange->detail_leaves)
        exchange->detail_leaves(exchange->detail);
    if (exchange->detail)
        explicit_bzero(exchange->detail, exchange->detail_size);
    free(exchange->detail);
    if (exchange->answer.owned)
        explicit_bzero(exchange->answer.owned, exchange->answer.length);
    free(exchange->answer.owned);
    explicit_bzero(exchange, sizeof(*exchange));
    free(exchange);
}

void *exchange_detail(struct exchange *exchange, size_t size)
{
    exchange->detail = calloc(1, size);
    exchange->detail_size = size;
    if (!exchange->detail)
        exchange_problem(exchange, PROBLEM_UNAVAILABLE, "The server is out of memory. Try again later.");
    return exchange->detail;
}

// The token's signature and times, then what only the database knows: is the sign-in alive, is the account enabled?
static int authenticate(struct exchange *exchange, struct store *store)
{
    struct token_claims claims;
    int error =
        token_verify(exchange->server->token_keys, exchange->server->token_key_count, exchange->bearer,
                     strlen(exchange->bearer), clock_wall_us() / SECOND_US, &claims);
    if (error)
        return -EKEYREJECTED;
    error = store_sign_in_check(store, &claims.sign_in, &exchange->account);
    if (error == -ENOENT || error == -EKEYREVOKED)
        return -EKEYREJECTED;
    if (error)
        return error;
    exchange->sign_in = claims.sign_in;
    return id_equal(&exchange->account.id, &claims.account) ? 0 : -EKEYREJECTED;
}

static void run(struct work_job *job, struct store *store)
{
    struct exchange *exchange = lws_container_of(job, struct exchange, job);
    if (exchange->route->signed_in) {
        exchange->error = authenticate(exchange, store);
        exchange->refused = exchange->error != 0;
    }
    if (!exchange->refused)
        exchange->error = exchange->route->work ? exchange->route->work(exchange, store) : 0;
    if (exchange->error && exchange->error != -EKEYREJECTED && *store_error(store))
        log_debug("database", {"request", exchange->request_id}, {"error", store_error(store)});
}

static void done(struct work_job *job)
{
    struct exchange *exchange = lws_container_of(job, struct exchange, job);
    if (!exchange->refused)
        exchange->route->finish(exchange);
    else if (exchange->error == -EKEYREJECTED)
        exchange_problem(exchange, PROBLEM_UNAUTHENTICATED,
                         "The access token is wrong or has expired. Refresh it, or sign in.");
    else
        exchange_store_failed(exchange, exchange->error);
}

void exchange_start(struct exchange *exchange)
{
    const struct route *route = exchange->route;
    if (route->signed_in && !*exchange->bearer) {
        exchange_problem(exchange, PROBLEM_UNAUTHENTICATED,
                         "Send an access token: Authorization: Bearer <token>.");
        return;
    }
    if (route->prepare && route->prepare(exchange) < 0)
        return;
    if (!route->work && !route->signed_in) {
        route->finish(exchange);
        return;
    }
    exchange_work(exchange);
}

void exchange_work(struct exchange *exchange)
{
    exchange->job = (struct work_job){.run = run, .done = done};
    exchange->error = -ECANCELED;
    if (work_submit(exchange->server->work, exchange->route->lane, &exchange->job) == 0)
        return;
    metrics_limit(&exchange->server->metrics, LIMIT_WORK);
    exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 2,
                           "Too many requests are being worked on. Try again in a moment.");
}

void exchange_answer(struct exchange *exchange)
{
    if (exchange->answered)
        abort();
    exchange->answered = true;
    metrics_request(&exchange->server->metrics, exchange->answer.status);
    log_debug("request", {"request", exchange->request_id},
              {"route", exchange->route ? exchange->route->pattern : "-"}, {"source", exchange->source});
    if (exchange->connection)
        http_send(exchange->connection);
    else
        exchange_free(exchange);
}

static void fill_document(struct answer *answer, unsigned status, json_t *document, const char *content_type)
{
    answer->status = status;
    answer->content_type = content_type;
    answer->owned = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!answer->owned) {
        answer->status = 503;
        answer->retry_after = 5;
    }
    answer->body = answer->owned;
    answer->length = answer->owned ? strlen(answer->owned) : 0;
}

void exchange_json(struct exchange *exchange, unsigned status, json_t *document)
{
    fill_document(&exchange->answer, status, document, "application/json");
    exchange_answer(exchange);
}

void exchange_empty(struct exchange *exchange, unsigned status)
{
    exchange->answer.status = status;
    exchange_answer(exchange);
}

void exchange_refuse(struct exchange *exchange, enum problem problem, const char *detail)
{
    fill_document(&exchange->answer, problem_status(problem),
                  problem_document(problem, detail, exchange->request_id), "application/problem+json");
}

void exchange_problem(struct exchange *exchange, enum problem problem, const char *detail)
{
    exchange_refuse(exchange, problem, detail);
    exchange_answer(exchange);
}

void exchange_problem_later(struct exchange *exchange, enum problem problem, unsigned retry_after,
                            const char *detail)
{
    exchange->answer.retry_after = retry_after;
    exchange_problem(exchange, problem, detail);
}

void exchange_store_failed(struct exchange *exchange, int error)
{
    if (error == -ENOTCONN || error == -ETIMEDOUT || error == -ENOSPC || error == -ECANCELED) {
        exchange_problem_later(exchange, PROBLEM_DATABASE, 1, "Nothing was lost. Try again in a moment.");
        return;
    }
    log_error("The database refused a request; sandboxctl doctor looks into it",
              {"request", exchange->request_id}, {"error", strerror(-error)});
    exchange_problem_later(exchange, PROBLEM_DATABASE, 5,
                           "The administrator finds the reason in the server's log.");
}
