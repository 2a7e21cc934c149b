#include "store/sign_in.h"

#include <errno.h>
#include <string.h>

#include "store/account_row.h"
#include "store/query.h"

// Outcomes of the SQL function sign_in_rotate.
static const struct {
    const char *name;
    int error;
} outcomes[] = {
    {"rotated", 0},          {"repeated", 0},          {"unknown", -ENOENT}, {"expired", -EKEYEXPIRED},
    {"ended", -EKEYREVOKED}, {"reused", -EKEYREVOKED},
};

int store_sign_in_create(struct store *store, const struct store_sign_in_order *order, struct id *ret_sign_in)
{
    struct id id = id_new();
    struct arguments arguments = {0};
    argument_id(&arguments, &id);
    argument_id(&arguments, &order->account);
    argument_digest(&arguments, &order->token);
    argument_number(&arguments, order->seconds);
    argument_text(&arguments, order->password.text);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SIGN_IN_INSERT, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    if (!row_bool(&row))
        return -EKEYREVOKED;
    *ret_sign_in = id;
    return 0;
}

static int read_outcome(struct row *row)
{
    const char *name = row_borrow(row);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (strcmp(outcomes[i].name, name) == 0)
            return outcomes[i].error;
    }
    return -EIO;
}

int store_sign_in_rotate(struct store *store, const struct digest *token, const struct digest *successor,
                         int64_t seconds, struct id *ret_sign_in, struct store_account *ret_account)
{
    struct arguments arguments = {0};
    argument_digest(&arguments, token);
    argument_digest(&arguments, successor);
    argument_number(&arguments, seconds);
    argument_number(&arguments, SIGN_IN_GRACE_SECONDS);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SIGN_IN_ROTATE, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    error = read_outcome(&row);
    if (error)
        return error;
    struct id sign_in = row_id(&row);
    struct store_account account;
    account_row_read(&row, &account);
    error = row_end(&row);
    if (error)
        return error;
    *ret_sign_in = sign_in;
    *ret_account = account;
    return 0;
}

int store_sign_in_check(struct store *store, const struct id *sign_in, struct store_account *ret_account)
{
    struct arguments arguments = {0};
    argument_id(&arguments, sign_in);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_SIGN_IN_CHECK, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    bool good = row_bool(&row);
    struct store_account account;
    account_row_read(&row, &account);
    error = row_end(&row);
    if (error)
        return error;
    if (!good)
        return -EKEYREVOKED;
    *ret_account = account;
    return 0;
}

int store_sign_in_end(struct store *store, const struct digest *token)
{
    struct arguments arguments = {0};
    argument_digest(&arguments, token);
    QUERY_RESULT result = NULL;
    return query_run(store, SQL_SIGN_IN_END, &arguments, &result);
}
