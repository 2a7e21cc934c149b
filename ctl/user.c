#include <errno.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/listing.h"
#include "ctl/password.h"
#include "lib/cleanup.h"
#include "store/account.h"

// From the operand or --username. NULL with the complaint made.
static const char *get_username(const struct context *context)
{
    const char *operand = context->options.operand;
    const char *option = context->options.values[OPTION_USERNAME];
    if (!operand == !option) {
        complain(context, option ? "the name is given twice" : "a name is missing: give --username NAME");
        return NULL;
    }
    return operand ? operand : option;
}

static int get_role(const struct context *context, enum role *ret_role)
{
    const char *name = context->options.values[OPTION_ROLE];
    *ret_role = ROLE_USER;
    int error = name ? role_of(name, ret_role) : 0;
    if (error)
        complain(context, "--role %s: the roles are user and admin", name);
    return error;
}

int user_create(struct context *context)
{
    enum role role;
    const char *username = get_username(context);
    if (!username || get_role(context, &role))
        return STATUS_USAGE;
    if (!store_username_valid(username)) {
        complain(context, "a username has 1 to %d characters of A-Z a-z 0-9 . _ @ -", USERNAME_MAX);
        return STATUS_FAILED;
    }
    // Known before anybody types a password.
    struct store_account account;
    int error = store_account_by_name(context->store, username, &account);
    struct password_hash hash;
    int status = error == -ENOENT ? ctl_password(context, &hash) : STATUS_OK;
    if (status)
        return status;
    if (error == -ENOENT)
        error = store_account_create(context->store, username, role, &hash, &account);
    else if (!error)
        error = -EEXIST;
    if (error == -EEXIST) {
        complain(context, "%s: the name is taken", username);
        return STATUS_EXISTS;
    }
    if (error)
        return complain_store(context, error);
    printf("created %s (%s)\n", account.username, role_name(account.role));
    return STATUS_OK;
}

static json_t *describe(const struct store_account *account)
{
    char id[ID_TEXT_SIZE];
    id_format(&account->id, id);
    return json_pack(
        "{s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:o}", "id", id, "number", (json_int_t)account->number,
        "username", account->username, "role", role_name(account->role), "state",
        account->disabled_us ? "disabled" : "enabled", "sandbox_limit",
        account->sandbox_limit < 0 ? json_null() : json_integer(account->sandbox_limit), "created_at",
        listing_time(account->created_us), "disabled_at", listing_time(account->disabled_us));
}

int user_list(struct context *context)
{
    static const char *const columns[] = {"username", "role", "state", "number", "created_at", "id"};
    CLEANUP(store_account_list_finish) struct store_account_list list = {0};
    int error = store_account_list(context->store, &list);
    if (error)
        return complain_store(context, error);
    json_t *rows = json_array();
    for (size_t i = 0; i < list.count; i++) {
        if (json_array_append_new(rows, describe(&list.items[i]))) {
            json_decref(rows);
            return complain_store(context, -ENOMEM);
        }
    }
    error = listing_print(rows, columns, sizeof(columns) / sizeof(columns[0]),
                          context->options.values[OPTION_JSON]);
    return error ? complain_store(context, error) : STATUS_OK;
}

static int find(struct context *context, struct store_account *ret_account)
{
    const char *username = get_username(context);
    if (!username)
        return STATUS_USAGE;
    int error = store_account_by_name(context->store, username, ret_account);
    if (error == -ENOENT) {
        complain(context, "%s: no such user", username);
        return STATUS_FAILED;
    }
    return error ? complain_store(context, error) : STATUS_OK;
}

int user_disable(struct context *context)
{
    struct store_account account;
    int status = find(context, &account);
    if (status)
        return status;
    int error = store_account_disable(context->store, &account.id);
    if (error)
        return complain_store(context, error);
    printf("disabled %s: its sign-ins are ended, its sandboxes are being stopped\n", account.username);
    return STATUS_OK;
}

int user_enable(struct context *context)
{
    struct store_account account;
    int status = find(context, &account);
    if (status)
        return status;
    int error = store_account_enable(context->store, &account.id);
    if (error)
        return complain_store(context, error);
    printf("enabled %s\n", account.username);
    return STATUS_OK;
}

int user_passwd(struct context *context)
{
    struct store_account account;
    struct password_hash hash;
    int status = find(context, &account);
    if (!status)
        status = ctl_password(context, &hash);
    if (status)
        return status;
    int error = store_account_set_password(context->store, &account.id, &hash);
    if (error)
        return complain_store(context, error);
    printf("new password for %s: its sign-ins are ended\n", account.username);
    return STATUS_OK;
}
