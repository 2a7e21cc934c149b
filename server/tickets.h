#pragma once
// One-time tickets for a WebSocket. They live in this node's memory alone: the node that issues one is the node that takes it, within 30 s,
// and the upgrade is decided at once, without the database. After a restart the browser fetches a new one.

#include "auth/opaque_token.h"
#include "lib/ids.h"
#include "store/share.h"

#define TICKET_SECONDS 30

struct tickets;

struct ticket {
    struct id sandbox;
    struct id account;
    struct id sign_in;
    bool view_only;
    // Of a guest: the link it came by. Nil, "" and 0 for the owner.
    struct id share;
    char label[STORE_SHARE_LABEL_MAX + 1];
    int64_t share_expires_us; // wall clock
};

static inline bool ticket_is_guest(const struct ticket *ticket)
{
    return !id_is_nil(&ticket->share);
}

// NULL when memory is out.
struct tickets *tickets_new(void);
void tickets_free(struct tickets *tickets);

// -EAGAIN: TICKETS_MAX good ones are out. An account, or a link, that holds TICKETS_PER_ACCOUNT loses its oldest. `now_us` is monotonic.
int tickets_issue(struct tickets *tickets, const struct ticket *ticket, int64_t now_us,
                  struct opaque_token *ret_token);
// Takes it: it never works again. -ENOENT unknown, used, or not a ticket's text; -EKEYEXPIRED.
int tickets_take(struct tickets *tickets, const char *text, int64_t now_us, struct ticket *ret_ticket);

// For the tickets that a link's guests hold: they are gone, or permit something else.
void tickets_drop(struct tickets *tickets, const struct id *share);
void tickets_set_access(struct tickets *tickets, const struct id *share, bool view_only);
