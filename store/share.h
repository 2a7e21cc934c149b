#pragma once
// Rows of links to a sandbox's desktop. A link is known by the digest of its token; who may manage it is the sandbox's owner.

#include <stdbool.h>

#include "auth/opaque_token.h"
#include "lib/ids.h"
#include "lib/limits.h"
#include "store/store.h"

#define STORE_SHARE_LABEL_MAX 64
#define STORE_SHARES_MAX 16 // good ones of one sandbox
#define STORE_SHARE_SECONDS_MIN 60
#define STORE_SHARE_SECONDS_MAX (7 * 24 * 3600)

struct store_share {
    struct id id;
    struct id sandbox;
    struct id account; // the sandbox's owner
    bool control;
    char label[STORE_SHARE_LABEL_MAX + 1];
    char node[NODE_ID_MAX + 1]; // where the sandbox runs
    int64_t created_us;
    int64_t expires_us;
};

struct store_share_list {
    struct store_share *items; // owned
    size_t count;
};

struct store_share_order {
    struct id id;
    struct id sandbox;
    struct id account;
    struct digest token;
    bool control;
    const char *label;
    int64_t seconds;
};

// -ENOENT: the account has no such running sandbox. -EDQUOT: it has STORE_SHARES_MAX links.
int store_share_create(struct store *store, const struct store_share_order *order,
                       struct store_share *ret_share);
// The good links of an account's running sandbox, oldest first. None when there is no such sandbox.
int store_share_list(struct store *store, const struct id *sandbox, const struct id *account,
                     struct store_share_list *ret_list);
void store_share_list_finish(struct store_share_list *list);

// Both notify every node. -ENOENT: the account's sandbox has no such good link.
int store_share_set_access(struct store *store, const struct id *account, const struct store_share *share,
                           struct store_share *ret_share);
int store_share_revoke(struct store *store, const struct id *account, const struct store_share *share);

// For guests. -ENOENT: there is none, it has expired, its sandbox does not run, or its owner is disabled.
int store_share_by_token(struct store *store, const struct digest *token, struct store_share *ret_share);
int store_share_by_id(struct store *store, const struct id *id, struct store_share *ret_share);
