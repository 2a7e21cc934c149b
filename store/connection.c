#include "store/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"

#define STRING_OF(number) #number
#define TEXT_OF(number) STRING_OF(number)

// After connecting, because `options` would be lost to poolers and would fight with the operator's own.
static const char session_settings[] =
    "SET statement_timeout = " TEXT_OF(STORE_STATEMENT_MS) ";"
                                                           "SET idle_in_transaction_session_timeout = 10000;"
                                                           "SET client_min_messages = warning;"
                                                           "SET TimeZone = 'UTC'";

struct store *store_new(const char *url)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    store->url = strdup(url);
    if (!store->url) {
        free(store);
        return NULL;
    }
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store_disconnect(store);
    explicit_bzero(store->url, strlen(store->url)); // it may hold a password
    free(store->url);
    free(store);
}

const char *store_error(const struct store *store)
{
    return store->error;
}

void store_set_error(struct store *store, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(store->error, sizeof(store->error), format, arguments);
    va_end(arguments);
    size_t length = strlen(store->error);
    while (length > 0 && store->error[length - 1] == '\n')
        store->error[--length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if (store->error[i] == '\n' || store->error[i] == '\t')
            store->error[i] = ' ';
    }
}

void store_disconnect(struct store *store)
{
    PQfinish(store->connection);
    store->connection = NULL;
    memset(store->prepared, 0, sizeof(store->prepared));
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

// The database says goodbye, or its kernel resets, on an idle connection: that makes the socket readable.
// Anything else that arrives unasked is a parameter status or a notice and is consumed.
static bool is_healthy(PGconn *connection)
{
    struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
    while (PQstatus(connection) == CONNECTION_OK && poll(&socket, 1, 0) == 1) {
        // A goodbye is read as if it were a notice; the end of the connection stands right behind it.
        if (!PQconsumeInput(connection) || (socket.revents & (POLLHUP | POLLERR)))
            return false;
    }
    return PQstatus(connection) == CONNECTION_OK;
}

static PGconn *open_connection(const char *url)
{
    // Those before dbname are defaults that the URL may change; those after it hold whatever the URL says.
    static const char *const names[] = {"application_name", "tcp_user_timeout", "dbname",
                                        "connect_timeout",  "client_encoding",  NULL};
    const char *const values[] = {"sandbox-server", "5000", url, TEXT_OF(STORE_CONNECT_SECONDS),
                                  "UTF8",           NULL};
    return PQconnectdbParams(names, values, 1);
}

int store_connect(struct store *store)
{
    if (store->connection && is_healthy(store->connection))
        return 0;
    store_disconnect(store);
    store->connection = open_connection(store->url);
    if (!store->connection || PQstatus(store->connection) != CONNECTION_OK) {
        store_set_error(store, "%s", PQerrorMessage(store->connection));
        store_disconnect(store);
        return -ENOTCONN;
    }
    PQsetNoticeProcessor(store->connection, ignore_notice, NULL);
    if (query_simple(store, session_settings, STORE_STATEMENT_MS)) {
        store_disconnect(store);
        return -ENOTCONN;
    }
    return 0;
}

int store_ping(struct store *store)
{
    QUERY_RESULT result = NULL;
    return query_run(store, SQL_PING, NULL, &result);
}

int store_prune(struct store *store)
{
    static const enum statement statements[] = {SQL_PRUNE_REFRESH_TOKENS, SQL_PRUNE_SIGN_INS,
                                                SQL_PRUNE_IDEMPOTENCY_KEYS, SQL_PRUNE_SHARES,
                                                SQL_PRUNE_CHANGES};
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        QUERY_RESULT result = NULL;
        int error = query_run(store, statements[i], NULL, &result);
        if (error)
            return error;
    }
    return 0;
}
