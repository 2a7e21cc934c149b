#pragma once
// One-time tickets for a WebSocket. They live in this node's memory alone: the node that issues one is the node that takes it, within 30 s,
// and the upgrade is decided at once, without the database. After a restart the browser fetches a new one.

#include "auth/opaque_token.h"
#include "lib/ids.h"

#define TICKET_SECONDS 30

struct tickets;

struct ticket {
    struct id sandbox;
    struct id account;
    struct id sign_in;
    bool view_only;
};

// NULL when memory is out.
struct tickets *tickets_new(void);
void tickets_free(struct tickets *tickets);

// -EAGAIN: TICKETS_MAX good ones are out. An account that holds TICKETS_PER_ACCOUNT loses its oldest. `now_us` is monotonic.
int tickets_issue(struct tickets *tickets, const struct ticket *ticket, int64_t now_us,
                  struct opaque_token *ret_token);
// Takes it: it never works again. -ENOENT unknown, used, or not a ticket's text; -EKEYEXPIRED.
int tickets_take(struct tickets *tickets, const char *text, int64_t now_us, struct ticket *ret_ticket);
