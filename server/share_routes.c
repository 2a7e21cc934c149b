// /api/sandboxes/{id}/shares*: links for people without an account, managed by the sandbox's owner

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/audience.h"
#include "server/json_body.h"
#include "server/policy_json.h"
#include "server/routes.h"
#include "server/server.h"
#include "server/viewers.h"
#include "store/sandbox.h"

#define ACCESS_CHOICES "control|view"
#define SECONDS_DEFAULT (24 * 3600)

struct listing {
    struct store_sandbox row;
    struct store_share_list shares;
};

int shares_prepare(struct exchange *exchange)
{
    return exchange_detail(exchange, sizeof(struct listing)) ? 0 : -1;
}

int shares_work(struct exchange *exchange, struct store *store)
{
    struct listing *listing = exchange->detail;
    int error = store_sandbox_get(store, &exchange->id, &exchange->account.id, &listing->row);
    return error ? error : store_share_list(store, &exchange->id, &exchange->account.id, &listing->shares);
}

void shares_finish(struct exchange *exchange)
{
    struct listing *listing = exchange->detail;
    if (sandbox_answer_missing(exchange))
        return;
    json_t *items = json_array();
    for (size_t i = 0; i < listing->shares.count; i++)
        json_array_append_new(items, share_json(&listing->shares.items[i]));
    store_share_list_finish(&listing->shares);
    exchange_json(exchange, 200, json_pack("{s:o}", "items", items));
}

struct share_creation {
    struct store_sandbox row;
    char access[8];
    char label[STORE_SHARE_LABEL_MAX + 1];
    json_t *expires_in;
    int64_t seconds;
    struct opaque_token token;
    struct store_share share;
};

static const struct json_field create_fields[] = {
    {"access", true, 1, 7, ACCESS_CHOICES, offsetof(struct share_creation, access)},
    {"label", false, 0, STORE_SHARE_LABEL_MAX, NULL, offsetof(struct share_creation, label)},
    {"expires_in", false, 0, 0, NULL, offsetof(struct share_creation, expires_in)},
};

static bool printable(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            return false;
    }
    return true;
}

static int refuse(struct exchange *exchange, enum problem problem, const char *detail)
{
    exchange_problem(exchange, problem, detail);
    return -1;
}

static bool take_seconds(struct share_creation *creation)
{
    creation->seconds = SECONDS_DEFAULT;
    if (!creation->expires_in)
        return true;
    bool whole = json_is_integer(creation->expires_in);
    creation->seconds = json_integer_value(creation->expires_in);
    json_decref(steal_pointer(&creation->expires_in));
    return whole && creation->seconds >= STORE_SHARE_SECONDS_MIN &&
           creation->seconds <= STORE_SHARE_SECONDS_MAX;
}

int share_prepare(struct exchange *exchange)
{
    struct share_creation *creation = exchange_detail(exchange, sizeof(*creation));
    char wrong[JSON_BODY_WRONG_MAX];
    if (!creation)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, create_fields, 3,
                       creation, wrong) < 0) {
        json_decref(creation->expires_in);
        return refuse(exchange, PROBLEM_BAD_REQUEST, wrong);
    }
    if (!take_seconds(creation))
        return refuse(exchange, PROBLEM_UNPROCESSABLE,
                      "\"expires_in\" must be a whole number of seconds from 60 to 604800.");
    if (!printable(creation->label))
        return refuse(exchange, PROBLEM_UNPROCESSABLE, "\"label\" must have no control characters.");
    return 0;
}

// What the sandbox's template permits of links. 0, -EPERM, or what reading the row failed with.
static int check_sharing(const struct exchange *exchange, struct store *store, bool control,
                         struct store_sandbox *ret_row)
{
    int error = store_sandbox_get(store, &exchange->id, &exchange->account.id, ret_row);
    if (error)
        return error;
    enum sharing sharing = policy_read(ret_row->policy, exchange->server->config).sharing;
    return sharing < (control ? SHARING_CONTROL : SHARING_VIEW) ? -EPERM : 0;
}

static void answer_not_permitted(struct exchange *exchange)
{
    exchange_problem(exchange, PROBLEM_FORBIDDEN,
                     "Desktops of this kind may not be shared so. Their policy says what they permit.");
}

int share_work(struct exchange *exchange, struct store *store)
{
    struct share_creation *creation = exchange->detail;
    int error = check_sharing(exchange, store, strcmp(creation->access, "control") == 0, &creation->row);
    if (error)
        return error;
    creation->token = opaque_token_new();
    struct store_share_order order = {
        .id = id_new(),
        .sandbox = exchange->id,
        .account = exchange->account.id,
        .control = strcmp(creation->access, "control") == 0,
        .label = creation->label,
        .seconds = creation->seconds,
    };
    if (opaque_token_digest(creation->token.text, &order.token) < 0)
        abort();
    error = store_share_create(store, &order, &creation->share);
    return error == -ENOENT ? -ESTALE : error;
}

static void log_link(const struct exchange *exchange, const char *event, const struct id *share,
                     const char *access)
{
    char sandbox[ID_TEXT_SIZE], link[ID_TEXT_SIZE];
    id_format(&exchange->id, sandbox);
    id_format(share, link);
    log_info(event, {"sandbox", sandbox}, {"link", link}, {"access", access},
             {"by", exchange->account.username}, {"source", exchange->source});
}

void share_finish(struct exchange *exchange)
{
    const struct share_creation *creation = exchange->detail;
    if (exchange->error == -EPERM) {
        answer_not_permitted(exchange);
        return;
    }
    if (exchange->error == -ESTALE) {
        exchange_problem(exchange, PROBLEM_CONFLICT, "The sandbox is not running.");
        return;
    }
    if (exchange->error == -EDQUOT) {
        exchange_problem(exchange, PROBLEM_CONFLICT,
                         "The sandbox has 16 links, as many as it may. Revoke one first.");
        return;
    }
    if (sandbox_answer_missing(exchange))
        return;
    log_link(exchange, "A link was made", &creation->share.id, creation->access);
    json_t *document = share_json(&creation->share);
    // After the "#": browsers send it to nobody.
    json_t *path = json_sprintf("/share#%s", creation->token.text);
    if (document && json_object_set_new(document, "path", path) < 0)
        json_decref(steal_pointer(&document));
    exchange_json(exchange, 201, document);
}

struct wish {
    char access[8];
    struct store_sandbox row;
    struct store_share share;
};

static const struct json_field change_fields[] = {
    {"access", true, 1, 7, ACCESS_CHOICES, offsetof(struct wish, access)},
};

int share_change_prepare(struct exchange *exchange)
{
    struct wish *wish = exchange_detail(exchange, sizeof(*wish));
    char wrong[JSON_BODY_WRONG_MAX];
    if (!wish)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, change_fields, 1, wish,
                       wrong) < 0)
        return refuse(exchange, PROBLEM_BAD_REQUEST, wrong);
    return 0;
}

int share_change_work(struct exchange *exchange, struct store *store)
{
    struct wish *wish = exchange->detail;
    wish->share = (struct store_share){
        .id = exchange->part,
        .sandbox = exchange->id,
        .control = strcmp(wish->access, "control") == 0,
    };
    int error = check_sharing(exchange, store, wish->share.control, &wish->row);
    return error ? error : store_share_set_access(store, &exchange->account.id, &wish->share, &wish->share);
}

static bool answer_no_link(struct exchange *exchange)
{
    if (exchange->error == -ENOENT)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "You have no such link, or it has expired.");
    else if (exchange->error)
        exchange_store_failed(exchange, exchange->error);
    return exchange->error != 0;
}

void share_change_finish(struct exchange *exchange)
{
    const struct wish *wish = exchange->detail;
    if (exchange->error == -EPERM) {
        answer_not_permitted(exchange);
        return;
    }
    if (answer_no_link(exchange))
        return;
    log_link(exchange, "A link permits something else", &exchange->part, wish->access);
    audience_set_access(exchange->server, &exchange->part, wish->share.control);
    viewers_check(exchange->server->viewers); // one that read the row before is not to undo it
    exchange_json(exchange, 200, share_json(&wish->share));
}

int share_revoke_work(struct exchange *exchange, struct store *store)
{
    struct store_share share = {.id = exchange->part, .sandbox = exchange->id};
    return store_share_revoke(store, &exchange->account.id, &share);
}

void share_revoke_finish(struct exchange *exchange)
{
    if (answer_no_link(exchange))
        return;
    log_link(exchange, "A link was revoked", &exchange->part, "none");
    audience_share_ended(exchange->server, &exchange->part);
    exchange_empty(exchange, 204);
}
