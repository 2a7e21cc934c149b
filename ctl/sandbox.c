#include <errno.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/listing.h"
#include "ctl/sandbox.h"
#include "lib/cleanup.h"
#include "store/account.h"
#include "store/sandbox.h"

static const char *name_of(const struct store_account_list *accounts, const struct id *id)
{
    for (size_t i = 0; i < accounts->count; i++) {
        if (id_equal(&accounts->items[i].id, id))
            return accounts->items[i].username;
    }
    return NULL;
}

static json_t *describe(const struct store_sandbox *sandbox, const struct store_account_list *accounts)
{
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->id, id);
    return json_pack("{s:s, s:s?, s:s, s:s, s:s, s:o, s:o, s:o, s:s?, s:s}", "id", id, "username",
                     name_of(accounts, &sandbox->account), "template", sandbox->template_name, "node",
                     sandbox->node, "state", store_state_name(sandbox->state), "created_at",
                     listing_time(sandbox->created_us), "started_at", listing_time(sandbox->started_us),
                     "ended_at", listing_time(sandbox->ended_us), "stop_reason",
                     sandbox->stop_reason ? stop_reason_name(sandbox->stop_reason) : NULL, "stop_detail",
                     sandbox->stop_detail);
}

static int append_pages(struct context *context, json_t *rows, const struct store_account_list *accounts)
{
    struct store_sandbox_query query = {.limit = STORE_PAGE_MAX,
                                        .node = context->options.values[OPTION_NODE],
                                        .filter =
                                            context->options.values[OPTION_ALL] ? FILTER_ALL : FILTER_ACTIVE};
    bool more = true;
    while (more) {
        CLEANUP(store_sandbox_list_finish) struct store_sandbox_list list = {0};
        int error = store_sandbox_list(context->store, &query, &list);
        if (error)
            return error;
        for (size_t i = 0; i < list.count; i++) {
            if (json_array_append_new(rows, describe(&list.items[i], accounts)))
                return -ENOMEM;
            query.before = list.items[i].id;
        }
        more = list.more;
    }
    return 0;
}

int sandbox_list(struct context *context)
{
    static const char *const columns[] = {"id",    "username",   "template",   "node",
                                          "state", "created_at", "stop_reason"};
    CLEANUP(store_account_list_finish) struct store_account_list accounts = {0};
    int error = store_account_list(context->store, &accounts);
    if (error)
        return complain_store(context, error);
    json_t *rows = json_array();
    error = append_pages(context, rows, &accounts);
    if (error) {
        json_decref(rows);
        return complain_store(context, error);
    }
    error = listing_print(rows, columns, sizeof(columns) / sizeof(columns[0]),
                          context->options.values[OPTION_JSON]);
    return error ? complain_store(context, error) : STATUS_OK;
}

int sandbox_stop(struct context *context)
{
    struct id id;
    const char *text = context->options.operand;
    int status = sandbox_operand(context, &id);
    if (status)
        return status;
    int error = store_sandbox_request_stop(context->store, &id, STOP_ADMINISTRATOR);
    if (error == -ENOENT) {
        complain(context, "%s: no such sandbox, or it has ended", text);
        return STATUS_FAILED;
    }
    if (error)
        return complain_store(context, error);
    printf("asked the node to stop %s\n", text);
    return STATUS_OK;
}
