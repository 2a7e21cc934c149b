// POST /api/sandboxes

#include "server/creation.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "server/json_body.h"
#include "server/network_wish.h"
#include "server/policy_json.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/waiters.h"
#include "server/wish.h"

struct creation {
    struct creation *next, **link; // among the server's creations; link is NULL once it has left them
    struct exchange *followers;    // with the same key, who have seen the row before this one was told of it
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

static int refuse(struct exchange *exchange, const char *detail)
{
    exchange_problem(exchange, PROBLEM_BAD_REQUEST, detail);
    return -1;
}

static void enter(struct server *server, struct creation *creation)
{
    creation->next = server->creations;
    creation->link = &server->creations;
    if (creation->next)
        creation->next->link = &creation->next;
    server->creations = creation;
}

static void leave(void *detail)
{
    struct creation *creation = detail;
    if (!creation->link)
        return;
    *creation->link = creation->next;
    if (creation->next)
        creation->next->link = creation->link;
    creation->link = NULL;
}

static struct creation *find(const struct server *server, const struct id *id)
{
    struct creation *creation = server->creations;
    while (creation && !id_equal(&creation->order.id, id))
        creation = creation->next;
    return creation;
}

bool creation_under_way(const struct server *server, const struct id *id)
{
    return find(server, id) != NULL;
}

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
    enter(server, creation);
    exchange->detail_leaves = leave;
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

// The key's sandbox has a row already.
static void answer_existing(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct store_sandbox *row = &((struct creation *)exchange->detail)->row;
    struct creation *first = find(server, &row->id);
    struct sandbox *sandbox = sandboxes_find(server->sandboxes, &row->id);
    bool ours = strcmp(row->node, server->node) == 0;
    if (first) {
        waiters_add(&first->followers, exchange);
    } else if (sandbox && (sandbox->state == STATE_STARTING || sandbox->row.state == STATE_STARTING)) {
        sandbox_wait_start(sandbox, exchange);
    } else if (!sandbox && ours && row->state != STATE_ENDED) {
        sandbox = sandboxes_ready(server->sandboxes) ? sandboxes_lost(server->sandboxes, row) : NULL;
        if (sandbox)
            sandbox_wait_start(sandbox, exchange);
        else
            sandbox_answer_disconnected(exchange);
    } else if (!ours && row->state == STATE_STARTING) {
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 1,
                               "Another node is starting this sandbox. Ask again in a moment.");
    } else {
        exchange_json(exchange, 201, sandbox_json(row, sandbox ? sandbox->viewer_count : 0));
    }
}

static void conclude(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct creation *creation = exchange->detail;
    if (exchange->error == -EDQUOT) {
        answer_over(exchange, creation->outcome);
    } else if (exchange->error == -EKEYREVOKED || exchange->error == -ENOENT) {
        exchange_problem(exchange, PROBLEM_UNAUTHENTICATED, "The account was disabled.");
    } else if (exchange->error) {
        sandboxes_read_wishes(server->sandboxes); // the row may be there, and nobody would have it
        exchange_store_failed(exchange, exchange->error);
    } else if (creation->outcome == STORE_EXISTED) {
        answer_existing(exchange);
    } else if (!sandboxes_ready(server->sandboxes) || sandboxes_epoch(server->sandboxes) != creation->epoch) {
        sandboxes_lost(server->sandboxes, &creation->row);
        sandbox_answer_disconnected(exchange);
    } else {
        sandboxes_start(server->sandboxes, &creation->row, exchange->account.number, &creation->network,
                        exchange);
    }
}

void create_finish(struct exchange *exchange)
{
    struct creation *creation = exchange->detail;
    struct exchange *followers = creation->followers;
    leave(creation);
    conclude(exchange); // both may be gone
    for (struct exchange *follower; (follower = followers);) {
        followers = follower->next;
        answer_existing(follower);
    }
}
