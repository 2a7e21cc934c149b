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

int tickets_issue(struct tickets *tickets, const struct ticket *ticket, int64_t now_us,
                  struct opaque_token *ret_token)
{
    for (struct entry *entry = tickets->entries; entry < tickets->entries + TICKETS_MAX; entry++) {
        if (entry->expires_us > now_us)
            continue;
        struct opaque_token token = opaque_token_new();
        if (opaque_token_digest(token.text, &entry->digest) < 0)
            abort();
        entry->ticket = *ticket;
        entry->expires_us = now_us + TICKET_SECONDS * SECOND_US;
        *ret_token = token;
        opaque_token_wipe(&token);
        return 0;
    }
    return -EAGAIN;
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
