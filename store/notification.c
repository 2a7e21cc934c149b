#include "store/notification.h"

#include <errno.h>
#include <string.h>

#include "store/connection.h"
#include "store/query.h"

static const struct {
    const char *prefix; // of the payload; the id follows
    enum store_notification_kind kind;
} payloads[] = {
    {"stop ", NOTIFICATION_STOP},
    {"account_disabled ", NOTIFICATION_ACCOUNT_DISABLED},
    {"share ", NOTIFICATION_SHARE},
    {"restored ", NOTIFICATION_RESTORED},
};

int store_listen(struct store *store)
{
    store->error[0] = '\0';
    int error = store_connect(store);
    return error ? error : query_simple(store, "LISTEN sandbox_server", STORE_STATEMENT_MS);
}

int store_listen_socket(const struct store *store)
{
    return store->connection ? PQsocket(store->connection) : -ENOTCONN;
}

// Whoever may connect to the database may notify: what is not one of ours is passed over.
static int parse(const char *payload, struct store_notification *ret_notification)
{
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        size_t length = strlen(payloads[i].prefix);
        struct id id;
        if (strncmp(payload, payloads[i].prefix, length) == 0 && id_parse(payload + length, &id) == 0) {
            *ret_notification = (struct store_notification){payloads[i].kind, id};
            return 0;
        }
    }
    return -EINVAL;
}

int store_next_notification(struct store *store, struct store_notification *ret_notification)
{
    if (!store->connection)
        return -ENOTCONN;
    int consumed = PQconsumeInput(store->connection);
    PGnotify *notification;
    while ((notification = PQnotifies(store->connection))) {
        int error = parse(notification->extra, ret_notification);
        PQfreemem(notification);
        if (!error)
            return 0;
    }
    if (consumed && PQstatus(store->connection) == CONNECTION_OK)
        return -EAGAIN;
    store_set_error(store, "%s", PQerrorMessage(store->connection));
    store_disconnect(store);
    return -ENOTCONN;
}
