#include "store/ticket.h"

#include <errno.h>
#include <stddef.h>

#include "store/query.h"
#include "store/row.h"

static const char *const access_names[TICKET_ACCESS_COUNT] = {
    [TICKET_CONTROL] = "control", [TICKET_VIEW] = "view"};

const char *ticket_access_name(unsigned access)
{
    return access < TICKET_ACCESS_COUNT ? access_names[access] : NULL;
}

int store_ticket_insert(struct store *store, const struct digest *digest, const struct store_ticket *ticket,
                        int64_t *ret_expires_us)
{
    struct arguments arguments = {0};
    argument_digest(&arguments, digest);
    argument_id(&arguments, &ticket->sandbox);
    argument_id(&arguments, &ticket->account);
    argument_text(&arguments, access_names[ticket->access]);
    argument_number(&arguments, TICKET_SECONDS);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_TICKET_INSERT, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    int64_t expires_us = row_number(&row);
    error = row_end(&row);
    if (!error)
        *ret_expires_us = expires_us;
    return error;
}

int store_ticket_take(struct store *store, const struct digest *digest, struct store_ticket *ret_ticket)
{
    struct arguments arguments = {0};
    argument_digest(&arguments, digest);
    QUERY_RESULT result = NULL;
    int error = query_one(store, SQL_TICKET_TAKE, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    struct store_ticket ticket;
    ticket.sandbox = row_id(&row);
    ticket.account = row_id(&row);
    ticket.access = (enum ticket_access)row_choice(&row, ticket_access_name, TICKET_ACCESS_COUNT);
    bool fresh = row_bool(&row);
    bool enabled = row_bool(&row);
    error = row_end(&row);
    if (error)
        return error;
    if (!enabled)
        return -EKEYREVOKED;
    if (!fresh)
        return -EKEYEXPIRED;
    *ret_ticket = ticket;
    return 0;
}
