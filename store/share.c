#include "store/share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/row.h"

static const char *const access_names[] = {"view", "control"};

static const char *access_name(unsigned access)
{
    return access < 2 ? access_names[access] : NULL;
}

// The columns SHARE_COLUMNS of statements.c.
static int read_share(const PGresult *result, int number, struct store_share *ret_share)
{
    struct row row = row_of(result, number);
    struct store_share share = {0};
    share.id = row_id(&row);
    share.sandbox = row_id(&row);
    share.account = row_id(&row);
    share.control = row_choice(&row, access_name, 2) == 1;
    row_text(&row, share.label, sizeof(share.label));
    row_text(&row, share.node, sizeof(share.node));
    share.created_us = row_number(&row);
    share.expires_us = row_number(&row);
    if (row_end(&row))
        return -EIO;
    *ret_share = share;
    return 0;
}

static int get(struct store *store, enum statement statement, const struct arguments *arguments,
               struct store_share *ret_share)
{
    QUERY_RESULT result = NULL;
    int error = query_one(store, statement, arguments, &result);
    return error ? error : read_share(result, 0, ret_share);
}

int store_share_by_id(struct store *store, const struct id *id, struct store_share *ret_share)
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    return get(store, SQL_SHARE_BY_ID, &arguments, ret_share);
}

int store_share_by_token(struct store *store, const struct digest *token, struct store_share *ret_share)
{
    struct arguments arguments = {0};
    argument_digest(&arguments, token);
    return get(store, SQL_SHARE_BY_TOKEN, &arguments, ret_share);
}

static int read_outcome(const PGresult *result)
{
    struct row row = row_of(result, 0);
    const char *outcome = row_borrow(&row);
    if (strcmp(outcome, "inserted") == 0)
        return 0;
    if (strcmp(outcome, "too_many") == 0)
        return -EDQUOT;
    return strcmp(outcome, "not_running") == 0 ? -ENOENT : -EIO;
}

int store_share_create(struct store *store, const struct store_share_order *order,
                       struct store_share *ret_share)
{
    struct arguments arguments = {0};
    argument_id(&arguments, &order->id);
    argument_id(&arguments, &order->sandbox);
    argument_id(&arguments, &order->account);
    argument_digest(&arguments, &order->token);
    argument_text(&arguments, access_name(order->control));
    argument_text(&arguments, order->label);
    argument_number(&arguments, order->seconds);
    argument_number(&arguments, STORE_SHARES_MAX);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SHARE_INSERT, &arguments, &result);
    if (!error)
        error = read_outcome(result);
    return error ? error : store_share_by_id(store, &order->id, ret_share);
}

static void cleanup_list(struct store_share_list *list)
{
    store_share_list_finish(list);
}

int store_share_list(struct store *store, const struct id *sandbox, const struct id *account,
                     struct store_share_list *ret_list)
{
    struct arguments arguments = {0};
    argument_id(&arguments, sandbox);
    argument_id(&arguments, account);
    QUERY_RESULT result = NULL;
    int error = query_run(store, SQL_SHARE_LIST, &arguments, &result);
    if (error)
        return error;
    CLEANUP(cleanup_list) struct store_share_list list = {.count = (size_t)PQntuples(result)};
    list.items = calloc(list.count ? list.count : 1, sizeof(*list.items));
    if (!list.items)
        return -ENOMEM;
    for (size_t i = 0; !error && i < list.count; i++)
        error = read_share(result, (int)i, &list.items[i]);
    if (error)
        return error;
    *ret_list = list;
    list.items = NULL;
    return 0;
}

void store_share_list_finish(struct store_share_list *list)
{
    free(list->items);
    *list = (struct store_share_list){0};
}

// The row that is meant: link, its sandbox, its owner.
static void argument_share(struct arguments *arguments, const struct id *account,
                           const struct store_share *share)
{
    argument_id(arguments, &share->id);
    argument_id(arguments, &share->sandbox);
    argument_id(arguments, account);
}

int store_share_set_access(struct store *store, const struct id *account, const struct store_share *share,
                           struct store_share *ret_share)
{
    struct arguments arguments = {0};
    argument_share(&arguments, account, share);
    argument_text(&arguments, access_name(share->control));
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SHARE_SET_ACCESS, &arguments, &result);
    return error ? error : store_share_by_id(store, &share->id, ret_share);
}

int store_share_revoke(struct store *store, const struct id *account, const struct store_share *share)
{
    struct arguments arguments = {0};
    argument_share(&arguments, account, share);
    QUERY_RESULT result = NULL;
    return query_one(store, SQL_SHARE_REVOKE, &arguments, &result);
}
