// /api/sandboxes*

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "server/clock.h"
#include "server/creation.h"
#include "server/json_body.h"
#include "server/page_query.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

struct page {
    struct store_sandbox_query query;
    struct store_sandbox_list list;
};

static int refuse(struct exchange *exchange, const char *detail)
{
    exchange_problem(exchange, PROBLEM_BAD_REQUEST, detail);
    return -1;
}

void sandbox_answer_disconnected(struct exchange *exchange)
{
    exchange_problem_later(exchange, PROBLEM_SANDBOXES_UNAVAILABLE, 1,
                           "The sandbox manager of this node is being restarted. Try again in a moment.");
}

static unsigned viewer_count(const struct exchange *exchange, const struct id *id)
{
    const struct sandbox *sandbox = sandboxes_find(exchange->server->sandboxes, id);
    return sandbox ? sandbox->viewer_count : 0;
}

int list_prepare(struct exchange *exchange)
{
    const struct query *given = &exchange->query;
    struct page *page = exchange_detail(exchange, sizeof(*page));
    if (!page)
        return -1;
    if (page_query_read(exchange, true, &page->query.limit, &page->query.before) < 0)
        return -1;
    if (strcmp(given->state, "active") == 0)
        page->query.filter = FILTER_ACTIVE;
    else if (strcmp(given->state, "ended") == 0)
        page->query.filter = FILTER_ENDED;
    else if (*given->state)
        return refuse(exchange, "state must be active or ended.");
    return 0;
}

int list_work(struct exchange *exchange, struct store *store)
{
    struct page *page = exchange->detail;
    page->query.account = exchange->account.id;
    return store_sandbox_list(store, &page->query, &page->list);
}

void list_finish(struct exchange *exchange)
{
    struct page *page = exchange->detail;
    if (exchange->error) {
        exchange_store_failed(exchange, exchange->error);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < page->list.count; i++) {
        const struct store_sandbox *row = &page->list.items[i];
        json_array_append_new(items, sandbox_json(row, viewer_count(exchange, &row->id)));
    }
    char cursor[ID_TEXT_SIZE] = "";
    if (page->list.more && page->list.count)
        id_format(&page->list.items[page->list.count - 1].id, cursor);
    store_sandbox_list_finish(&page->list);
    exchange_json(exchange, 200,
                  json_pack("{s:o, s:s?}", "items", items, "next_cursor", *cursor ? cursor : NULL));
}

int sandbox_prepare(struct exchange *exchange)
{
    return exchange_detail(exchange, sizeof(struct store_sandbox)) ? 0 : -1;
}

int sandbox_work(struct exchange *exchange, struct store *store)
{
    return store_sandbox_get(store, &exchange->id, &exchange->account.id, exchange->detail);
}

bool sandbox_answer_missing(struct exchange *exchange)
{
    if (!exchange->error)
        return false;
    if (exchange->error == -ENOENT)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "You have no such sandbox.");
    else
        exchange_store_failed(exchange, exchange->error);
    return true;
}

void get_finish(struct exchange *exchange)
{
    if (!sandbox_answer_missing(exchange))
        exchange_json(exchange, 200, sandbox_json(exchange->detail, viewer_count(exchange, &exchange->id)));
}

void sandbox_answer_wrong_node(struct exchange *exchange, const struct store_sandbox *row)
{
    char detail[160];
    snprintf(detail, sizeof(detail), "The node \"%s\" runs this sandbox. Ask it.", row->node);
    exchange_problem(exchange, PROBLEM_WRONG_NODE, detail);
}

struct sandbox *sandbox_find_here(struct exchange *exchange)
{
    if (sandbox_answer_missing(exchange))
        return NULL;
    const struct store_sandbox *row = exchange->detail;
    struct sandbox *sandbox = sandboxes_find(exchange->server->sandboxes, &row->id);
    if (row->state != STATE_ENDED && strcmp(row->node, exchange->server->node) != 0)
        sandbox_answer_wrong_node(exchange, row);
    else if (!sandbox)
        exchange_problem(exchange, PROBLEM_CONFLICT, "The sandbox is not running.");
    else
        return sandbox;
    return NULL;
}

void stop_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    if (sandbox_answer_missing(exchange))
        return;
    const struct store_sandbox *row = exchange->detail;
    struct sandbox *sandbox = sandboxes_find(server->sandboxes, &row->id);
    if (row->state == STATE_ENDED)
        exchange_json(exchange, 200, sandbox_json(row, 0));
    else if (strcmp(row->node, server->node) != 0)
        sandbox_answer_wrong_node(exchange, row);
    else if (!sandboxes_ready(server->sandboxes) || creation_under_way(server, &row->id))
        sandbox_answer_disconnected(exchange);
    else if (!sandbox && !(sandbox = sandboxes_lost(server->sandboxes, row)))
        sandbox_answer_disconnected(exchange);
    else
        sandbox_stop(sandbox, STOP_USER, exchange);
}

struct ticket_request {
    struct store_sandbox row; // first: sandbox_work fills it
    char access[8];
};

static const struct json_field ticket_fields[] = {
    {"access", false, 1, 7, "control|view", offsetof(struct ticket_request, access)},
};

int ticket_prepare(struct exchange *exchange)
{
    struct ticket_request *request = exchange_detail(exchange, sizeof(*request));
    char wrong[JSON_BODY_WRONG_MAX];
    if (!request)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, ticket_fields, 1, request,
                       wrong) < 0)
        return refuse(exchange, wrong);
    return 0;
}

int ticket_work(struct exchange *exchange, struct store *store)
{
    struct ticket_request *request = exchange->detail;
    return store_sandbox_get(store, &exchange->id, &exchange->account.id, &request->row);
}

static void answer_token(struct exchange *exchange, const struct ticket *ticket,
                         const struct opaque_token *token)
{
    char id[ID_TEXT_SIZE], path[160];
    id_format(&ticket->sandbox, id);
    snprintf(path, sizeof(path), "/ws/%s/sandboxes/%s/desktop?ticket=%s", exchange->server->node, id,
             token->text);
    json_t *document = json_pack("{s:s, s:s, s:o}", "ticket", token->text, "path", path, "expires_at",
                                 time_json(clock_wall_us() + TICKET_SECONDS * SECOND_US));
    explicit_bzero(path, sizeof(path));
    exchange_json(exchange, 201, document);
}

void ticket_answer(struct exchange *exchange, const struct ticket *ticket)
{
    struct opaque_token token;
    if (tickets_issue(exchange->server->tickets, ticket, clock_monotonic_us(), &token) < 0) {
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 2,
                               "Too many tickets are out. Try again in a moment.");
        return;
    }
    answer_token(exchange, ticket, &token);
    opaque_token_wipe(&token);
}

void ticket_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    if (sandbox_answer_missing(exchange))
        return;
    const struct ticket_request *request = exchange->detail;
    bool ours = strcmp(request->row.node, server->node) == 0;
    if (!ours && request->row.state != STATE_ENDED) {
        sandbox_answer_wrong_node(exchange, &request->row);
        return;
    }
    // A ticket that the upgrade would refuse costs the page a pause.
    if (request->row.state == STATE_RUNNING && sandboxes_await(server->sandboxes, &exchange->id, exchange))
        return;
    if (request->row.state != STATE_RUNNING || !sandboxes_find(server->sandboxes, &exchange->id)) {
        exchange_problem(exchange, PROBLEM_CONFLICT, "The sandbox is not running.");
        return;
    }
    struct ticket ticket = {
        .sandbox = exchange->id,
        .account = exchange->account.id,
        .sign_in = exchange->sign_in,
        .view_only = strcmp(request->access, "view") == 0,
    };
    ticket_answer(exchange, &ticket);
}
