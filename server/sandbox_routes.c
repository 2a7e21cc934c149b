// /api/sandboxes*

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "server/clock.h"
#include "server/json_body.h"
#include "server/network_wish.h"
#include "server/page_query.h"
#include "server/policy_json.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/wish.h"

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

struct creation {
    char template_name[STORE_TEMPLATE_MAX + 1];
    json_t *limits_wish, *network_wish;
    struct sandbox_limits limits;
    struct network_wish network;
    struct store_sandbox_order order;
    struct layer_report layers[LAYER_COUNT];
    char policy[POLICY_TEXT_MAX + 1];
    unsigned epoch;
    enum store_outcome outcome;
    struct store_sandbox row;
};

static const struct json_field create_fields[] = {
    {"template", true, 1, STORE_TEMPLATE_MAX, NULL, offsetof(struct creation, template_name)},
    {"limits", false, 0, 0, NULL, offsetof(struct creation, limits_wish)},
    {"network", false, 0, 0, NULL, offsetof(struct creation, network_wish)},
};

static uint32_t at_most(uint32_t size, uint32_t most)
{
    return size < most ? size : most;
}

static void fill_order(struct creation *creation, const struct exchange *exchange,
                       const struct sandboxd_welcome *welcome, const struct stream_policy *policy)
{
    const struct config *config = exchange->server->config;
    memcpy(creation->layers, welcome->layers, sizeof(creation->layers));
    creation->order = (struct store_sandbox_order){
        .id = id_new(),
        .template_name = creation->template_name,
        .node = exchange->server->node,
        .limits = creation->limits,
        .network = creation->network.text,
        .policy = creation->policy,
        .session_seconds = (uint32_t)config_number(config, CONFIG_SANDBOX_SESSION_TIMEOUT_SECS),
        .idle_seconds = (uint32_t)config_number(config, CONFIG_SANDBOX_IDLE_TIMEOUT_SECS),
        .display_width = at_most(welcome->display_width, policy->width_max),
        .display_height = at_most(welcome->display_height, policy->height_max),
        .layers = creation->layers,
        .idempotency_key = *exchange->idempotency_key ? exchange->idempotency_key : NULL,
        .maximum_per_user = (uint32_t)config_number(config, CONFIG_SANDBOX_MAX_PER_USER),
        .maximum_per_node = (uint32_t)config_number(config, CONFIG_SANDBOX_MAX_PER_NODE),
    };
}

// True when the wishes are possible; answered otherwise.
static bool take_wishes(struct exchange *exchange, struct creation *creation)
{
    char wrong[WISH_WRONG_MAX];
    creation->limits = wish_limits_most(exchange->server->config);
    network_wish_none(&creation->network);
    int error = wish_read_limits(creation->limits_wish, exchange->server->config, &creation->limits, wrong);
    if (!error && creation->network_wish)
        error = network_wish_read(creation->network_wish, &creation->network, wrong);
    json_decref(steal_pointer(&creation->limits_wish));
    json_decref(steal_pointer(&creation->network_wish));
    if (error)
        exchange_problem(exchange, PROBLEM_UNPROCESSABLE, wrong);
    return !error;
}

int create_prepare(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct creation *creation = exchange_detail(exchange, sizeof(*creation));
    char wrong[JSON_BODY_WRONG_MAX];
    if (!creation)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, create_fields, 3,
                       creation, wrong) < 0) {
        json_decref(creation->limits_wish);
        json_decref(creation->network_wish);
        return refuse(exchange, wrong);
    }
    if (!take_wishes(exchange, creation))
        return -1;
    int template_index = config_find_template(server->config, creation->template_name);
    if (template_index < 0)
        return refuse(exchange, "There is no such template. GET /api/templates lists them.");
    struct policy policy = policy_of(server->config, (unsigned)template_index);
    if (!policy_text(&policy, creation->policy)) {
        exchange_problem(exchange, PROBLEM_UNAVAILABLE, "The server is out of memory. Try again later.");
        return -1;
    }
    const struct sandboxd_welcome *welcome = sandboxd_client_welcome(server->sandboxd);
    if (!welcome || !sandboxes_ready(server->sandboxes)) {
        sandbox_answer_disconnected(exchange);
        return -1;
    }
    if (server->draining) {
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 30,
                               "This node takes no new sandboxes now. Try again in a moment.");
        return -1;
    }
    creation->epoch = sandboxes_epoch(server->sandboxes);
    fill_order(creation, exchange, welcome, &policy.stream);
    return 0;
}

int create_work(struct exchange *exchange, struct store *store)
{
    struct creation *creation = exchange->detail;
    creation->order.account = exchange->account.id;
    return store_sandbox_insert(store, &creation->order, &creation->outcome, &creation->row);
}

static void answer_over(struct exchange *exchange, enum store_outcome outcome)
{
    bool user = outcome == STORE_OVER_PER_USER;
    metrics_limit(&exchange->server->metrics, user ? LIMIT_SANDBOXES_PER_USER : LIMIT_SANDBOXES_PER_NODE);
    if (user)
        exchange_problem(exchange, PROBLEM_LIMIT_REACHED,
                         "You run as many sandboxes as you may. Stop one first.");
    else
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 30,
                               "This node runs as many sandboxes as it may. Try again later.");
}

static void answer_existing(struct exchange *exchange, const struct store_sandbox *row)
{
    struct sandbox *sandbox = sandboxes_find(exchange->server->sandboxes, &row->id);
    if (sandbox && (sandbox->state == STATE_STARTING || sandbox->row.state == STATE_STARTING))
        sandbox_wait_start(sandbox, exchange);
    else
        exchange_json(exchange, 201, sandbox_json(row, viewer_count(exchange, &row->id)));
}

void create_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct creation *creation = exchange->detail;
    if (exchange->error == -EDQUOT) {
        answer_over(exchange, creation->outcome);
    } else if (exchange->error == -EKEYREVOKED || exchange->error == -ENOENT) {
        exchange_problem(exchange, PROBLEM_UNAUTHENTICATED, "The account was disabled.");
    } else if (exchange->error) {
        exchange_store_failed(exchange, exchange->error);
    } else if (creation->outcome == STORE_EXISTED) {
        answer_existing(exchange, &creation->row);
    } else if (!sandboxes_ready(server->sandboxes) || sandboxes_epoch(server->sandboxes) != creation->epoch) {
        sandboxes_lost(server->sandboxes, &creation->row);
        sandbox_answer_disconnected(exchange);
    } else {
        sandboxes_start(server->sandboxes, &creation->row, exchange->account.number, &creation->network,
                        exchange);
    }
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
    else if (!sandbox || !sandboxes_ready(server->sandboxes))
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
    if (request->row.state != STATE_RUNNING) {
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
