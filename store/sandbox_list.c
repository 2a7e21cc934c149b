#include <errno.h>
#include <stdlib.h>

#include "store/query.h"
#include "store/sandbox_row.h"

static const char *const filter_arguments[] = {
    [FILTER_ALL] = NULL, [FILTER_ACTIVE] = "true", [FILTER_ENDED] = "false"};

// At most `limit` rows of the result; one beyond them says that there are more.
static int read_rows(const PGresult *result, size_t limit, struct store_sandbox_list *ret_list)
{
    size_t rows = (size_t)PQntuples(result);
    size_t count = rows > limit ? limit : rows;
    CLEANUP(store_sandbox_list_finish) struct store_sandbox_list list = {0};
    list.items = calloc(count ? count : 1, sizeof(*list.items));
    if (!list.items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error = sandbox_row_read(result, (int)i, &list.items[i]);
        if (error)
            return error;
    }
    *ret_list = (struct store_sandbox_list){steal_pointer(&list.items), count, rows > limit};
    return 0;
}

int store_sandbox_list(struct store *store, const struct store_sandbox_query *query,
                       struct store_sandbox_list *ret_list)
{
    if (query->limit < 1 || query->limit > STORE_PAGE_MAX)
        return -EINVAL;
    struct arguments arguments = {0};
    argument_id(&arguments, &query->account);
    argument_text(&arguments, query->node);
    argument_text(&arguments, filter_arguments[query->filter]);
    argument_id(&arguments, &query->before);
    argument_number(&arguments, (int64_t)query->limit + 1);
    QUERY_RESULT result = NULL;
    int error = query_run(store, SQL_SANDBOX_LIST, &arguments, &result);
    return error ? error : read_rows(result, query->limit, ret_list);
}

int store_sandbox_list_active(struct store *store, const char *node, struct store_sandbox_list *ret_list)
{
    struct arguments arguments = {0};
    argument_text(&arguments, node);
    QUERY_RESULT result = NULL;
    int error = query_run(store, SQL_SANDBOX_LIST_ACTIVE, &arguments, &result);
    return error ? error : read_rows(result, SIZE_MAX, ret_list);
}

void store_sandbox_list_finish(struct store_sandbox_list *list)
{
    free(list->items);
    *list = (struct store_sandbox_list){0};
}
