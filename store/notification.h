#pragma once
// What operators did (sandboxctl, any node) that running servers act on. Use one store for it alone: its
// socket lies in the event loop.

#include <stdbool.h>

#include "lib/ids.h"
#include "lib/limits.h"
#include "store/store.h"

enum store_notification_kind {
    NOTIFICATION_STOP,             // id: a sandbox whose row has stop_requested set
    NOTIFICATION_ACCOUNT_DISABLED, // id: an account
    NOTIFICATION_DRAIN,            // node: takes no new sandboxes until it is started again or resumed
    NOTIFICATION_RESUME,           // node
    NOTIFICATION_SHARE,            // id: a link that was revoked or gives other rights
    NOTIFICATION_CHANGE,           // id: a sandbox of which a change was asked (store/change.h)
    NOTIFICATION_CHANGED,          // id: such a change that was answered; for who asked
    NOTIFICATION_RESTORED,         // the database is another one now; no id
};

struct store_notification {
    enum store_notification_kind kind;
    struct id id;
    char node[NODE_ID_MAX + 1];
};

// Asks a node to take no new sandboxes, or to take them again. Stored nowhere: a node that is not running is drained already.
int store_node_drain(struct store *store, const char *node, bool drain);

// Connects (blocking, STORE_CONNECT_SECONDS at most) and listens. What was sent before is not repeated: read
// the rows afterwards (store_sandbox_list_active). On -ENOTCONN of any of these, call it again later; the
// socket is another one then.
int store_listen(struct store *store);
// The connection's socket, to be watched for reading; -ENOTCONN. It stays the store's.
int store_listen_socket(const struct store *store);
// Never blocks. 0, -EAGAIN when there is none (watch again), -ENOTCONN when the connection broke.
int store_next_notification(struct store *store, struct store_notification *ret_notification);
