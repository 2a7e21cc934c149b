#pragma once
// One-time tickets for a WebSocket.

#include "auth/opaque_token.h"
#include "lib/ids.h"
#include "store/store.h"

#define TICKET_SECONDS 30

enum ticket_access { TICKET_CONTROL, TICKET_VIEW, TICKET_ACCESS_COUNT };

struct store_ticket {
    struct id sandbox;
    struct id account;
    enum ticket_access access;
};

// Stores a ticket by its digest. -ENOENT when the sandbox or account does not exist.
int store_ticket_insert(struct store *store, const struct digest *digest, const struct store_ticket *ticket,
                        int64_t *ret_expires_us);
// Takes it: it never works again, whatever comes of it. -ENOENT unknown or used, -EKEYEXPIRED, -EKEYREVOKED
// its account was disabled.
int store_ticket_take(struct store *store, const struct digest *digest, struct store_ticket *ret_ticket);

const char *ticket_access_name(unsigned access); // "control", "view"; NULL out of range
