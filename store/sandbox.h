#pragma once
// Rows of sandboxes: who has which sandbox on which node, and why ended ones ended.

#include <stdbool.h>

#include "lib/ids.h"
#include "lib/isolation.h"
#include "lib/limits.h"
#include "lib/sandboxd_channel.h"
#include "store/store.h"

#define STORE_TEMPLATE_MAX 64
#define STORE_STOP_DETAIL_MAX 255
#define STORE_NETWORK_MAX 4608 // bytes of a network policy as JSON
#define STORE_POLICY_MAX 1024  // bytes of a template's policy as JSON
#define STORE_PAGE_MAX 100

enum store_state { STATE_STARTING, STATE_RUNNING, STATE_STOPPING, STATE_ENDED, STATE_COUNT };

enum store_start { STORE_START_UNKNOWN, STORE_START_COLD, STORE_START_PARKED, STORE_START_COUNT };

struct store_sandbox {
    struct id id;
    struct id account;
    char template_name[STORE_TEMPLATE_MAX + 1];
    char node[NODE_ID_MAX + 1];
    enum store_state state;
    struct sandbox_limits limits;
    uint32_t session_seconds;
    uint32_t idle_seconds;
    uint32_t display_width;
    uint32_t display_height;
    int64_t created_us;
    int64_t started_us;
    int64_t ended_us;
    int64_t expires_us;
    int64_t idle_expires_us;
    enum store_start start;          // unknown before it runs
    enum stop_reason stop_requested; // an operator asked for it (STOP_ADMINISTRATOR, STOP_ACCOUNT_DISABLED);
                                     // else STOP_NONE
    enum stop_reason stop_reason;    // of a stopping or ended one; else STOP_NONE
    char stop_detail[STORE_STOP_DETAIL_MAX + 1];
    struct sandbox_usage usage; // of an ended one; UINT64_MAX: unknown
    struct layer_report layers[LAYER_COUNT];
    char network[STORE_NETWORK_MAX + 1]; // what it may reach: JSON without the values of headers
    char policy[STORE_POLICY_MAX + 1];   // what its template permits: JSON; "": made before there were policies
};

struct store_sandbox_list {
    struct store_sandbox *items; // owned
    size_t count;
    bool more; // the page is full and there are older ones
};

// What the caller decides of a new sandbox; the row starts as STATE_STARTING.
struct store_sandbox_order {
    struct id id; // from id_new: pages are ordered by it
    struct id account;
    const char *template_name;
    const char *node;
    struct sandbox_limits limits;
    uint32_t session_seconds;
    uint32_t idle_seconds;
    uint32_t display_width;
    uint32_t display_height;
    const struct layer_report *layers; // LAYER_COUNT of them
    const char *network;               // JSON; NULL: none
    const char *policy;                // JSON; NULL: none
    const char *idempotency_key;       // NULL: none; else 1 to IDEMPOTENCY_KEY_MAX bytes of printable ASCII
    uint32_t maximum_per_user;         // unless the account has its own
    uint32_t maximum_per_node;
};

enum store_outcome {
    STORE_INSERTED,
    STORE_EXISTED, // the idempotency key was used within 24 h: its sandbox, of whatever template and state
    STORE_OVER_PER_USER, // with -EDQUOT
    STORE_OVER_PER_NODE, // with -EDQUOT
};

// Inserts the row unless it would be one too many. 0 with ret_sandbox set (STORE_INSERTED, STORE_EXISTED);
// -EDQUOT, -EINVAL (a bad key, template or node name), -ENOENT no such account, -EKEYREVOKED it is disabled.
// ret_outcome is set on 0 and -EDQUOT.
int store_sandbox_insert(struct store *store, const struct store_sandbox_order *order,
                         enum store_outcome *ret_outcome, struct store_sandbox *ret_sandbox);

// -ENOENT. `account` NULL: whoever owns it.
int store_sandbox_get(struct store *store, const struct id *id, const struct id *account,
                      struct store_sandbox *ret_sandbox);

// Changes of state give the row as it is afterwards. One that does not fit the present state changes nothing:
// an ended sandbox stays ended with its first reason, so all of these may be repeated. -ENOENT.
int store_sandbox_started(struct store *store, const struct id *id, enum store_start start,
                          struct store_sandbox *ret_sandbox);
int store_sandbox_stopping(struct store *store, const struct id *id, enum stop_reason reason,
                           struct store_sandbox *ret_sandbox);
// detail: a sentence for people, cut at STORE_STOP_DETAIL_MAX bytes. usage NULL: unknown.
int store_sandbox_ended(struct store *store, const struct id *id, enum stop_reason reason, const char *detail,
                        const struct sandbox_usage *usage, struct store_sandbox *ret_sandbox);
// Its limits and its network are others now.
int store_sandbox_changed(struct store *store, const struct id *id, const struct sandbox_limits *limits,
                          const char *network, struct store_sandbox *ret_sandbox);
// The clock was set: its limits are at these times now. Only a running sandbox changes.
int store_sandbox_moved(struct store *store, const struct id *id, int64_t expires_us, int64_t idle_expires_us,
                        struct store_sandbox *ret_sandbox);
// There was input at this time: the idle limit is idle_seconds after it (never moved back). Only a running
// sandbox changes. -ENOENT.
int store_sandbox_active_at(struct store *store, const struct id *id, int64_t active_us);

enum store_filter { FILTER_ALL, FILTER_ACTIVE, FILTER_ENDED };

struct store_sandbox_query {
    struct id account; // nil: of all accounts
    const char *node;  // NULL: on all nodes
    enum store_filter filter;
    struct id before; // nil: from the newest; else those older than this one (the last of the page before)
    uint32_t limit;   // 1 to STORE_PAGE_MAX
};

// Newest first.
int store_sandbox_list(struct store *store, const struct store_sandbox_query *query,
                       struct store_sandbox_list *ret_list);
// All starting, running and stopping ones of a node, for reconciliation with sandboxd at start: end those
// that it does not know with STOP_NODE_RESTART, stop those with stop_requested.
int store_sandbox_list_active(struct store *store, const char *node, struct store_sandbox_list *ret_list);
void store_sandbox_list_finish(struct store_sandbox_list *list);

// An operator's wish, from any node: marks the row and notifies. -ENOENT when there is no such active
// sandbox.
int store_sandbox_request_stop(struct store *store, const struct id *id, enum stop_reason reason);

const char *store_state_name(unsigned state); // "starting"; NULL out of range
const char *store_start_name(unsigned start); // "cold", "parked"; NULL when unknown or out of range
