#include "server/page_query.h"

#include <stdlib.h>

#define PAGE_DEFAULT 20
#define PAGE_MAX 100

static int refuse(struct exchange *exchange, const char *detail)
{
    exchange_problem(exchange, PROBLEM_BAD_REQUEST, detail);
    return -1;
}

int page_query_read(struct exchange *exchange, bool takes_state, unsigned *ret_limit, struct id *ret_before)
{
    const struct query *given = &exchange->query;
    long limit = PAGE_DEFAULT;
    struct id before = {0};
    if (given->wrong || (*given->state && !takes_state))
        return refuse(exchange, "The query has a parameter that is unknown, repeated or too long.");
    if (*given->limit) {
        char *end;
        limit = strtol(given->limit, &end, 10);
        if (*end || given->limit[0] < '0' || given->limit[0] > '9' || limit < 1 || limit > PAGE_MAX)
            return refuse(exchange, "limit must be a whole number from 1 to 100.");
    }
    if (*given->cursor && id_parse(given->cursor, &before) < 0)
        return refuse(exchange, "cursor must be a next_cursor of an earlier answer.");
    *ret_limit = (unsigned)limit;
    *ret_before = before;
    return 0;
}
