// /api/auth/*, /api/users/me

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/password.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/json_body.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/server.h"
#include "server/sign_in_limits.h"
#include "server/viewers.h"
#include "store/sign_in.h"

// What a sign-in or a refresh makes.
struct session {
    char username[USERNAME_MAX + 1];
    char password[PASSWORD_MAX + 1];
    struct opaque_token refresh;
    struct id sign_in;
};

static const struct json_field login_fields[] = {
    {"username", true, 1, USERNAME_MAX, NULL, offsetof(struct session, username)},
    {"password", true, 1, PASSWORD_MAX, NULL, offsetof(struct session, password)},
};

int login_prepare(struct exchange *exchange)
{
    struct session *session = exchange_detail(exchange, sizeof(*session));
    char wrong[JSON_BODY_WRONG_MAX];
    if (!session)
        return -1;
    if (json_body_read(exchange->body ? exchange->body : "", exchange->body_length, login_fields, 2, session,
                       wrong) < 0) {
        exchange_problem(exchange, PROBLEM_BAD_REQUEST, wrong);
        return -1;
    }
    return sign_in_limits_take(exchange->server->sign_in_limits, exchange, session->username);
}

static int make_sign_in(struct exchange *exchange, struct store *store, const struct password_hash *verified)
{
    struct session *session = exchange->detail;
    struct store_sign_in_order order = {
        .account = exchange->account.id,
        .password = *verified,
        .seconds = config_number(exchange->server->config, CONFIG_JWT_REFRESH_EXPIRY),
    };
    session->refresh = opaque_token_new();
    int error = opaque_token_digest(session->refresh.text, &order.token);
    if (!error)
        error = store_sign_in_create(store, &order, &session->sign_in);
    explicit_bzero(&order, sizeof(order));
    return error;
}

int login_work(struct exchange *exchange, struct store *store)
{
    struct session *session = exchange->detail;
    struct password_hash hash;
    int found = store_account_password(store, session->username, &exchange->account, &hash);
    if (found && found != -ENOENT)
        return found;
    // The same work whether or not the account exists or is enabled.
    int error = password_verify(found ? NULL : &hash, session->password, strlen(session->password));
    explicit_bzero(session->password, sizeof(session->password));
    if (!error)
        error = found || exchange->account.disabled_us ? -EACCES : make_sign_in(exchange, store, &hash);
    explicit_bzero(&hash, sizeof(hash));
    return error == -EKEYREVOKED || error == -ENOENT ? -EACCES : error;
}

static void set_cookie(struct exchange *exchange, const char *token, int64_t seconds)
{
    snprintf(exchange->answer.set_cookie, sizeof(exchange->answer.set_cookie),
             "refresh_token=%s; Max-Age=%lld; Path=/api/auth; Secure; HttpOnly; SameSite=Strict", token,
             (long long)seconds);
}

static void answer_session(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct session *session = exchange->detail;
    int64_t now = clock_wall_us() / SECOND_US;
    int64_t life = config_number(server->config, CONFIG_JWT_ACCESS_EXPIRY);
    struct token_claims claims = {
        .account = exchange->account.id,
        .sign_in = session->sign_in,
        .token = id_new(),
        .role = exchange->account.role,
        .issued_at = now,
        .expires_at = now + life,
    };
    char token[TOKEN_MAX + 1];
    if (token_issue(&server->token_keys[0], &claims, token) < 0) {
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 5,
                               "The server is out of memory. Try again later.");
        return;
    }
    set_cookie(exchange, session->refresh.text, config_number(server->config, CONFIG_JWT_REFRESH_EXPIRY));
    json_t *document =
        json_pack("{s:s, s:s, s:I, s:o}", "access_token", token, "token_type", "Bearer", "expires_in",
                  (json_int_t)life, "user", account_json(&exchange->account, server->config));
    explicit_bzero(token, sizeof(token));
    exchange_json(exchange, 200, document);
}

void login_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct session *session = exchange->detail;
    if (exchange->error == -EACCES) {
        metrics_count(&server->metrics, METRIC_SIGN_INS_FAILED);
        // Without the name: people type passwords into the wrong field.
        log_warning("A sign-in failed", {"source", exchange->source}, {"request", exchange->request_id});
        exchange_problem(exchange, PROBLEM_SIGN_IN_FAILED, "The username or the password is wrong.");
        return;
    }
    // Only wrong attempts count.
    sign_in_limits_refund(server->sign_in_limits, exchange, session->username);
    if (exchange->error) {
        exchange_store_failed(exchange, exchange->error);
        return;
    }
    metrics_count(&server->metrics, METRIC_SIGN_INS);
    log_info("Signed in", {"user", exchange->account.username}, {"source", exchange->source},
             {"request", exchange->request_id});
    answer_session(exchange);
}

static void answer_signed_out(struct exchange *exchange)
{
    set_cookie(exchange, "", 0);
    exchange_problem(exchange, PROBLEM_UNAUTHENTICATED, "The sign-in has ended. Sign in again.");
}

int refresh_prepare(struct exchange *exchange)
{
    if (!*exchange->refresh_token) {
        exchange_problem(exchange, PROBLEM_UNAUTHENTICATED, "There is no refresh cookie. Sign in.");
        return -1;
    }
    return exchange_detail(exchange, sizeof(struct session)) ? 0 : -1;
}

int refresh_work(struct exchange *exchange, struct store *store)
{
    struct session *session = exchange->detail;
    struct digest old, successor;
    if (opaque_token_digest(exchange->refresh_token, &old) < 0 ||
        opaque_token_successor(&exchange->server->successor_key, exchange->refresh_token, &session->refresh) <
            0 ||
        opaque_token_digest(session->refresh.text, &successor) < 0)
        return -ENOENT;
    return store_sign_in_rotate(store, &old, &successor,
                                config_number(exchange->server->config, CONFIG_JWT_REFRESH_EXPIRY),
                                &session->sign_in, &exchange->account);
}

void refresh_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    int error = exchange->error;
    if (error == -ENOENT || error == -EKEYEXPIRED || error == -EKEYREVOKED) {
        metrics_count(&server->metrics, METRIC_REFRESHES_FAILED);
        answer_signed_out(exchange);
        // A token used twice has just ended a sign-in that may have viewers.
        viewers_check(server->viewers);
        return;
    }
    if (error) {
        exchange_store_failed(exchange, error);
        return;
    }
    metrics_count(&server->metrics, METRIC_REFRESHES);
    answer_session(exchange);
}

int logout_work(struct exchange *exchange, struct store *store)
{
    struct digest digest;
    if (opaque_token_digest(exchange->refresh_token, &digest) < 0)
        return 0;
    return store_sign_in_end(store, &digest);
}

void logout_finish(struct exchange *exchange)
{
    struct viewers *viewers = exchange->server->viewers;
    if (exchange->error) {
        exchange_store_failed(exchange, exchange->error);
        return;
    }
    set_cookie(exchange, "", 0);
    exchange_empty(exchange, 204);
    viewers_check(viewers);
}

void me_finish(struct exchange *exchange)
{
    exchange_json(exchange, 200, account_json(&exchange->account, exchange->server->config));
}
