#include "store/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/account_row.h"
#include "store/query.h"

bool store_username_valid(const char *username)
{
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-";
    size_t length = strnlen(username, USERNAME_MAX + 1);
    return length >= 1 && length <= USERNAME_MAX && strspn(username, characters) == length;
}

void account_row_read(struct row *row, struct store_account *ret_account)
{
    ret_account->id = row_id(row);
    ret_account->number = (uint32_t)row_number(row);
    row_text(row, ret_account->username, sizeof(ret_account->username));
    ret_account->role = (enum role)row_choice(row, role_name, ROLE_COUNT);
    ret_account->sandbox_limit = (int32_t)row_number_or(row, -1);
    ret_account->created_us = row_number(row);
    ret_account->disabled_us = row_number(row);
}

static int read_one(const PGresult *result, struct store_account *ret_account, struct password_hash *ret_hash)
{
    struct row row = row_of(result, 0);
    struct store_account account;
    struct password_hash hash;
    account_row_read(&row, &account);
    if (ret_hash)
        row_text(&row, hash.text, sizeof(hash.text));
    int error = row_end(&row);
    if (error)
        return error;
    *ret_account = account;
    if (ret_hash)
        *ret_hash = hash;
    return 0;
}

int store_account_create(struct store *store, const char *username, enum role role,
                         const struct password_hash *hash, struct store_account *ret_account)
{
    if (!store_username_valid(username))
        return -EINVAL;
    // An insert that fails would use up an account number: the name is looked up first.
    struct store_account taken;
    int error = store_account_by_name(store, username, &taken);
    if (error != -ENOENT)
        return error ? error : -EEXIST;
    struct id id = id_new();
    struct arguments arguments = {0};
    argument_id(&arguments, &id);
    argument_text(&arguments, username);
    argument_text(&arguments, role_name(role));
    argument_text(&arguments, hash->text);
    QUERY_RESULT result = NULL;
    error = query_one(store, SQL_ACCOUNT_INSERT, &arguments, &result);
    return error ? error : read_one(result, ret_account, NULL);
}

static int by_name(struct store *store, const char *username, struct store_account *ret_account,
                   struct password_hash *ret_hash)
{
    if (!store_username_valid(username))
        return -ENOENT;
    struct arguments arguments = {0};
    argument_text(&arguments, username);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_ACCOUNT_BY_NAME, &arguments, &result);
    return error ? error : read_one(result, ret_account, ret_hash);
}

int store_account_by_name(struct store *store, const char *username, struct store_account *ret_account)
{
    return by_name(store, username, ret_account, NULL);
}

int store_account_password(struct store *store, const char *username, struct store_account *ret_account,
                           struct password_hash *ret_hash)
{
    return by_name(store, username, ret_account, ret_hash);
}

int store_account_by_id(struct store *store, const struct id *id, struct store_account *ret_account)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_ACCOUNT_BY_ID, &arguments, &result);
    return error ? error : read_one(result, ret_account, NULL);
}

int store_account_list(struct store *store, struct store_account_list *ret_list)
{
    QUERY_RESULT result = NULL;
    int error = query_run(store, SQL_ACCOUNT_LIST, NULL, &result);
    if (error)
        return error;
    size_t count = (size_t)PQntuples(result);
    CLEANUP(store_account_list_finish) struct store_account_list list = {0};
    list.items = calloc(count ? count : 1, sizeof(*list.items));
    if (!list.items)
        return -ENOMEM;
    for (; list.count < count && !error; list.count++) {
        struct row row = row_of(result, (int)list.count);
        account_row_read(&row, &list.items[list.count]);
        error = row_end(&row);
    }
    if (error)
        return error;
    *ret_list = (struct store_account_list){steal_pointer(&list.items), count};
    return 0;
}

void store_account_list_finish(struct store_account_list *list)
{
    free(list->items);
    *list = (struct store_account_list){0};
}

static int change(struct store *store, enum statement statement, const struct arguments *arguments)
{
    QUERY_RESULT result = NULL;
    return query_one(store, statement, arguments, &result);
}

int store_account_set_password(struct store *store, const struct id *id, const struct password_hash *hash)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_text(&arguments, hash->text);
    return change(store, SQL_ACCOUNT_SET_PASSWORD, &arguments);
}

int store_account_disable(struct store *store, const struct id *id)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    return change(store, SQL_ACCOUNT_DISABLE, &arguments);
}

int store_account_enable(struct store *store, const struct id *id)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    return change(store, SQL_ACCOUNT_ENABLE, &arguments);
}
