#pragma once

#include <stdbool.h>

#include "auth/password.h"
#include "auth/token.h"
#include "lib/ids.h"
#include "lib/limits.h"
#include "store/store.h"

struct store_account {
    struct id id;
    uint32_t
        number; // 1 .. ACCOUNT_NUMBER_MAX, never given twice: the owner's host uid above SANDBOX_UID_BASE
    char username[USERNAME_MAX + 1];
    enum role role;
    int32_t sandbox_limit; // -1: SANDBOX_MAX_PER_USER holds
    int64_t created_us;
    int64_t disabled_us; // 0: enabled
};

struct store_account_list {
    struct store_account *items; // owned
    size_t count;
};

// 1 to USERNAME_MAX characters of [A-Za-z0-9._@-]; unique without regard to case.
bool store_username_valid(const char *username);

// -EINVAL username, -EEXIST it is taken, -EDQUOT all account numbers are used.
int store_account_create(struct store *store, const char *username, enum role role,
                         const struct password_hash *hash, struct store_account *ret_account);
// -ENOENT, also for a username that is not valid. Disabled accounts are found as well.
int store_account_by_name(struct store *store, const char *username, struct store_account *ret_account);
int store_account_by_id(struct store *store, const struct id *id, struct store_account *ret_account);
// For a sign-in: the account with its password's hash. As store_account_by_name.
int store_account_password(struct store *store, const char *username, struct store_account *ret_account,
                           struct password_hash *ret_hash);
// All accounts by number.
int store_account_list(struct store *store, struct store_account_list *ret_list);
void store_account_list_finish(struct store_account_list *list);

// Ends all sign-ins of the account. -ENOENT.
int store_account_set_password(struct store *store, const struct id *id, const struct password_hash *hash);
// Ends its sign-ins, asks for the stop of its sandboxes (STOP_ACCOUNT_DISABLED) and notifies every node.
// -ENOENT. Again: no change.
int store_account_disable(struct store *store, const struct id *id);
int store_account_enable(struct store *store, const struct id *id);
