// /api/sandboxes/{id}/viewers*, and the way in for guests: /api/shares/ticket

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "lib/log.h"
#include "server/audience.h"
#include "server/clock.h"
#include "server/json_body.h"
#include "server/routes.h"
#include "server/sandboxes.h"
#include "server/server.h"

void viewers_finish(struct exchange *exchange)
{
    const struct sandbox *sandbox = sandbox_find_here(exchange);
    if (sandbox)
        exchange_json(exchange, 200, json_pack("{s:o}", "items", audience_json(sandbox, NULL)));
}

void viewer_end_finish(struct exchange *exchange)
{
    struct sandbox *sandbox = sandbox_find_here(exchange);
    if (!sandbox)
        return;
    if (audience_end_viewer(sandbox, &exchange->part) < 0) {
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "There is no such viewer, or it has left.");
        return;
    }
    char id[ID_TEXT_SIZE], viewer[ID_TEXT_SIZE];
    id_format(&exchange->id, id);
    id_format(&exchange->part, viewer);
    log_info("A viewer was sent away", {"sandbox", id}, {"viewer", viewer},
             {"by", exchange->account.username}, {"source", exchange->source});
    exchange_empty(exchange, 204);
}

struct guest {
    char token[OPAQUE_TOKEN_TEXT_SIZE * 2];
    struct store_share share;
    bool refunded; // it is asked for again when the sandboxes are known
};

static const struct json_field guest_fields[] = {
    {"token", true, 1, sizeof(((struct guest *)0)->token) - 1, NULL, offsetof(struct guest, token)},
};

int guest_prepare(struct exchange *exchange)
{
    struct guest *guest = exchange_detail(exchange, sizeof(*guest));
    char wrong[JSON_BODY_WRONG_MAX];
    if (!guest)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, guest_fields, 1, guest,
                       wrong) < 0) {
        exchange_problem(exchange, PROBLEM_BAD_REQUEST, wrong);
        return -1;
    }
    unsigned wait = limiter_take(exchange->server->link_sources, exchange->source_key, clock_monotonic_us());
    if (wait == 0)
        return 0;
    exchange_problem_later(exchange, PROBLEM_TOO_MANY_REQUESTS, wait,
                           "Too many links that don't work were tried. Wait before the next one.");
    return -1;
}

// The same work for a token that can't be one.
int guest_work(struct exchange *exchange, struct store *store)
{
    struct guest *guest = exchange->detail;
    struct digest digest;
    if (opaque_token_digest(guest->token, &digest) < 0)
        randombytes_buf(&digest, sizeof(digest));
    return store_share_by_token(store, &digest, &guest->share);
}

static void answer_no_entry(struct exchange *exchange)
{
    exchange_problem(exchange, PROBLEM_NOT_FOUND,
                     "This link does not work: it was revoked, has expired, or its desktop has ended. Ask "
                     "for a new one.");
}

void guest_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct guest *guest = exchange->detail;
    const struct store_share *share = &guest->share;
    if (exchange->error == -ENOENT) { // and only this counts
        log_info("A link that does not work was tried", {"source", exchange->source});
        answer_no_entry(exchange);
        return;
    }
    if (!guest->refunded)
        limiter_refund(server->link_sources, exchange->source_key);
    guest->refunded = true;
    if (exchange->error) {
        exchange_store_failed(exchange, exchange->error);
        return;
    }
    if (strcmp(share->node, server->node) != 0) {
        exchange_problem(exchange, PROBLEM_WRONG_NODE, "Another node runs this desktop.");
        return;
    }
    if (sandboxes_await(server->sandboxes, &share->sandbox, exchange))
        return;
    if (!sandboxes_find(server->sandboxes, &share->sandbox)) {
        answer_no_entry(exchange);
        return;
    }
    struct ticket ticket = {
        .sandbox = share->sandbox,
        .account = share->account,
        .view_only = !share->control,
        .share = share->id,
        .share_expires_us = share->expires_us,
    };
    memcpy(ticket.label, share->label, sizeof(ticket.label));
    ticket_answer(exchange, &ticket);
}
