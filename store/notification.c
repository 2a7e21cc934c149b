#include "store/notification.h"

#include <errno.h>
#include <string.h>

#include "store/connection.h"
#include "store/query.h"

static const struct {
    const char *prefix; // of the payload; an id or a node's name follows
    enum store_notification_kind kind;
    bool node;
} payloads[] = {
    {"stop ", NOTIFICATION_STOP, false},       {"account_disabled ", NOTIFICATION_ACCOUNT_DISABLED, false},
    {"share ", NOTIFICATION_SHARE, false},     {"change ", NOTIFICATION_CHANGE, false},
    {"changed ", NOTIFICATION_CHANGED, false}, {"drain ", NOTIFICATION_DRAIN, true},
    {"resume ", NOTIFICATION_RESUME, true},    {"restored ", NOTIFICATION_RESTORED, false},
};

int store_node_drain(struct store *store, const char *node, bool drain)
{
    struct arguments arguments = {0};
    argument_text(&arguments, drain ? "drain" : "resume");
    argument_text(&arguments, node);
    QUERY_RESULT result = NULL;
    return query_run(store, SQL_NODE_NOTIFY, &arguments, &result);
}

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
        struct store_notification notification = {.kind = payloads[i].kind};
        if (strncmp(payload, payloads[i].prefix, length) != 0)
            continue;
        const char *rest = payload + length;
        if (payloads[i].node && strlen(rest) <= NODE_ID_MAX)
            memcpy(notification.node, rest, strlen(rest) + 1);
        else if (payloads[i].node || id_parse(rest, &notification.id) < 0)
            return -EINVAL;
        *ret_notification = notification;
        return 0;
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
