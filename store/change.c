#include "store/change.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "store/query.h"
#include "store/row.h"

int store_change_ask(struct store *store, const struct store_change *change)
{
    struct arguments arguments = {0};
    argument_id(&arguments, &change->id);
    argument_id(&arguments, &change->sandbox);
    argument_text(&arguments, change->wish);
    QUERY_RESULT result = NULL;
    return query_one(store, SQL_CHANGE_ASK, &arguments, &result);
}

int store_change_next(struct store *store, const char *node, struct store_change *ret_change)
{
    struct arguments arguments = {0};
    argument_text(&arguments, node);
    argument_number(&arguments, STORE_CHANGE_SECONDS);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_CHANGE_NEXT, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    struct store_change change = {.id = row_id(&row), .sandbox = row_id(&row)};
    row_text(&row, change.wish, sizeof(change.wish));
    if (row_end(&row))
        return -EIO;
    *ret_change = change;
    return 0;
}

int store_change_answer(struct store *store, const struct id *id, const char *problem)
{
    AUTO_FREE char *cut = problem ? strndup(problem, STORE_CHANGE_PROBLEM_MAX) : NULL;
    if (problem && !cut)
        return -ENOMEM;
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    argument_text(&arguments, cut);
    QUERY_RESULT result = NULL;
    return query_one(store, SQL_CHANGE_ANSWER, &arguments, &result);
}

int store_change_take(struct store *store, const struct id *id, bool *ret_answered,
                      char ret_problem[static STORE_CHANGE_PROBLEM_MAX + 1])
{
    struct arguments arguments = {0};
    argument_id(&arguments, id);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_CHANGE_TAKE, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    bool answered = row_bool(&row);
    row_text(&row, ret_problem, STORE_CHANGE_PROBLEM_MAX + 1);
    if (row_end(&row))
        return -EIO;
    *ret_answered = answered;
    return 0;
}
