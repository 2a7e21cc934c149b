#include "server/tickets.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/limits.h"

struct entry {
    struct digest digest;
    struct ticket ticket;
    int64_t expires_us; // 0: free
};

struct tickets {
    struct entry entries[TICKETS_MAX];
};

struct tickets *tickets_new(void)
{
    return calloc(1, sizeof(struct tickets));
}

void tickets_free(struct tickets *tickets)
{
    free(tickets);
}

static bool same_holder(const struct ticket *a, const struct ticket *b)
{
    return id_equal(&a->account, &b->account) && id_equal(&a->share, &b->share);
}

// A free place, or that of the holder's oldest ticket when it has as many as it may. NULL: there is none.
static struct entry *find_place(struct tickets *tickets, const struct ticket *ticket, int64_t now_us)
{
    struct entry *place = NULL, *oldest = NULL;
    unsigned held = 0;
    for (struct entry *entry = tickets->entries; entry < tickets->entries + TICKETS_MAX; entry++) {
        if (entry->expires_us <= now_us) {
            place = entry;
        } else if (same_holder(&entry->ticket, ticket)) {
            held++;
            if (!oldest || entry->expires_us < oldest->expires_us)
                oldest = entry;
        }
    }
    return held < TICKETS_PER_ACCOUNT ? place : oldest;
}

int tickets_issue(struct tickets *tickets, const struct ticket *ticket, int64_t now_us,
                  struct opaque_token *ret_token)
{
    struct entry *place = find_place(tickets, ticket, now_us);
    if (!place)
        return -EAGAIN;
    struct opaque_token token = opaque_token_new();
    if (opaque_token_digest(token.text, &place->digest) < 0)
        abort();
    place->ticket = *ticket;
    place->expires_us = now_us + TICKET_SECONDS * SECOND_US;
    *ret_token = token;
    opaque_token_wipe(&token);
    return 0;
}

int tickets_take(struct tickets *tickets, const char *text, int64_t now_us, struct ticket *ret_ticket)
{
    struct digest digest;
    if (opaque_token_digest(text, &digest) < 0)
        return -ENOENT;
    for (struct entry *entry = tickets->entries; entry < tickets->entries + TICKETS_MAX; entry++) {
        if (!entry->expires_us || sodium_memcmp(&entry->digest, &digest, sizeof(digest)) != 0)
            continue;
        bool expired = entry->expires_us <= now_us;
        if (!expired)
            *ret_ticket = entry->ticket;
        *entry = (struct entry){0};
        return expired ? -EKEYEXPIRED : 0;
    }
    return -ENOENT;
}

void tickets_drop(struct tickets *tickets, const struct id *share)
{
    for (struct entry *entry = tickets->entries; entry < tickets->entries + TICKETS_MAX; entry++) {
        if (entry->expires_us && id_equal(&entry->ticket.share, share))
            *entry = (struct entry){0};
    }
}

void tickets_set_access(struct tickets *tickets, const struct id *share, bool view_only)
{
    for (struct entry *entry = tickets->entries; entry < tickets->entries + TICKETS_MAX; entry++) {
        if (entry->expires_us && id_equal(&entry->ticket.share, share))
            entry->ticket.view_only = view_only;
    }
}
