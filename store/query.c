#include "store/query.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/connection.h"

// The database ends a slow statement itself; what is left beyond this is a database that does not answer at
// all.
#define ANSWER_MS (STORE_STATEMENT_MS + 1000)

// PostgreSQL's error codes (its manual, appendix A), by prefix: the first that fits.
static const struct {
    const char *code;
    int error;
} error_codes[] = {
    {"08", -ENOTCONN},     // connection exceptions
    {"22", -EINVAL},       // a value out of range or not UTF-8
    {"2200H", -EDQUOT},    // a sequence has run out
    {"23503", -ENOENT},    // foreign key
    {"23505", -EEXIST},    // unique
    {"23514", -EINVAL},    // check
    {"53100", -ENOSPC},    // disk full
    {"53300", -ENOTCONN},  // too many connections
    {"55P03", -ETIMEDOUT}, // lock timeout
    {"57014", -ETIMEDOUT}, // statement timeout
    {"57P", -ENOTCONN},    // shutdown, crash, not yet started
};

static int error_of_code(const char *code)
{
    int error = -EIO;
    size_t best = 0;
    for (size_t i = 0; i < sizeof(error_codes) / sizeof(error_codes[0]); i++) {
        size_t length = strlen(error_codes[i].code);
        if (length > best && strncmp(code, error_codes[i].code, length) == 0) {
            best = length;
            error = error_codes[i].error;
        }
    }
    return error;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_readable(int socket, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - now_ms();
        struct pollfd watched = {.fd = socket, .events = POLLIN};
        int ready = deadline >= 0 && left <= 0 ? 0 : poll(&watched, 1, (int)left);
        if (ready > 0)
            return 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

// The connection's own failures: it is given up, so that the next call starts afresh.
static int lose(struct store *store, const char *why)
{
    store_set_error(store, "%s", why);
    store_disconnect(store);
    return -ENOTCONN;
}

static int judge(struct store *store, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return 0;
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (PQstatus(store->connection) != CONNECTION_OK || !code)
        return lose(store, PQerrorMessage(store->connection));
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    store_set_error(store, "%s (%s)", detail ? detail : "error", code);
    int error = error_of_code(code);
    if (error == -ENOTCONN)
        store_disconnect(store);
    return error;
}

// Reads all results of what was sent; the last one counts, but for an error, after which the database sends
// no more.
static int collect(struct store *store, int milliseconds, PGresult **ret_result)
{
    int64_t deadline = milliseconds < 0 ? -1 : now_ms() + milliseconds;
    QUERY_RESULT last = NULL;
    for (;;) {
        while (PQisBusy(store->connection)) {
            int error = wait_readable(PQsocket(store->connection), deadline);
            if (error)
                return lose(store, "the database does not answer");
            if (!PQconsumeInput(store->connection))
                return lose(store, PQerrorMessage(store->connection));
        }
        PGresult *next = PQgetResult(store->connection);
        if (!next)
            break;
        PQclear(last);
        last = next;
    }
    int error = judge(store, last);
    if (!error)
        *ret_result = steal_pointer(&last);
    return error;
}

static int prepare(struct store *store, enum statement statement)
{
    if (store->prepared[statement])
        return 0;
    QUERY_RESULT result = NULL;
    const struct statement_entry *entry = statement_entry(statement);
    if (!PQsendPrepare(store->connection, entry->name, entry->sql, 0, NULL))
        return lose(store, PQerrorMessage(store->connection));
    int error = collect(store, ANSWER_MS, &result);
    if (!error)
        store->prepared[statement] = true;
    return error;
}

int query_run(struct store *store, enum statement statement, const struct arguments *arguments,
              PGresult **ret_result)
{
    store->error[0] = '\0';
    int error = store_connect(store);
    return error ? error : query_continue(store, statement, arguments, ret_result);
}

int query_continue(struct store *store, enum statement statement, const struct arguments *arguments,
                   PGresult **ret_result)
{
    if (!store->connection)
        return -ENOTCONN;
    int error = prepare(store, statement);
    if (error)
        return error;
    if (!PQsendQueryPrepared(store->connection, statement_entry(statement)->name,
                             arguments ? arguments->count : 0, arguments ? arguments->values : NULL, NULL,
                             NULL, 0))
        return lose(store, PQerrorMessage(store->connection));
    return collect(store, ANSWER_MS, ret_result);
}

int query_one(struct store *store, enum statement statement, const struct arguments *arguments,
              PGresult **ret_result)
{
    QUERY_RESULT result = NULL;
    int error = query_run(store, statement, arguments, &result);
    if (error)
        return error;
    if (PQntuples(result) == 0)
        return -ENOENT;
    *ret_result = steal_pointer(&result);
    return 0;
}

int query_simple(struct store *store, const char *sql, int milliseconds)
{
    QUERY_RESULT result = NULL;
    if (!store->connection)
        return -ENOTCONN;
    if (!PQsendQuery(store->connection, sql))
        return lose(store, PQerrorMessage(store->connection));
    return collect(store, milliseconds, &result);
}
