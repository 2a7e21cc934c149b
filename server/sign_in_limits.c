#include "server/sign_in_limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/limits.h"
#include "server/server.h"

// "source name", the name in lower case: usernames are equal without regard to case, and so are their buckets.
struct keys {
    char pair[SOURCE_TEXT_SIZE + USERNAME_MAX + 2];
    const char *name;
};

struct held {
    struct exchange *exchange; // NULL: free
    struct sign_in_limits *limits;
    struct loop_timer timer;
};

struct sign_in_limits {
    struct server *server;
    struct limiter *sources, *pairs, *names;
    struct held held[LOGIN_SLOW_MAX];
};

static void make_keys(const char *source, const char *username, struct keys *keys)
{
    int length = snprintf(keys->pair, sizeof(keys->pair), "%s ", source);
    char *to = keys->pair + length, *end = keys->pair + sizeof(keys->pair) - 1;
    keys->name = to;
    for (; *username && to < end; username++)
        *to++ = *username >= 'A' && *username <= 'Z' ? (char)(*username - 'A' + 'a') : *username;
    *to = '\0';
}

// Nobody waits for it any more, or it may be worked on now.
static void on_held(void *data)
{
    struct held *held = data;
    struct exchange *exchange = steal_pointer(&held->exchange);
    if (exchange->connection)
        exchange_work(exchange);
    else
        exchange_problem(exchange, PROBLEM_UNAVAILABLE, "The connection was closed.");
}

struct sign_in_limits *sign_in_limits_new(struct server *server)
{
    struct sign_in_limits *limits = calloc(1, sizeof(*limits));
    if (!limits)
        return NULL;
    limits->server = server;
    limits->sources = limiter_new((struct bucket_rate){LOGIN_SOURCE_PER_MINUTE, LOGIN_SOURCE_BURST});
    limits->pairs = limiter_new((struct bucket_rate){LOGIN_PAIR_PER_MINUTE, LOGIN_PAIR_BURST});
    limits->names = limiter_new((struct bucket_rate){LOGIN_NAME_PER_MINUTE, LOGIN_NAME_BURST});
    for (size_t i = 0; i < LOGIN_SLOW_MAX; i++)
        limits->held[i].timer = (struct loop_timer){.fire = on_held, .data = &limits->held[i]};
    if (limits->sources && limits->pairs && limits->names)
        return limits;
    sign_in_limits_free(limits);
    return NULL;
}

void sign_in_limits_free(struct sign_in_limits *limits)
{
    if (!limits)
        return;
    for (size_t i = 0; i < LOGIN_SLOW_MAX; i++) {
        struct exchange *exchange = steal_pointer(&limits->held[i].exchange);
        loop_timer_cancel(&limits->held[i].timer);
        if (exchange)
            exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 1, "The server is being restarted.");
    }
    limiter_free(limits->sources);
    limiter_free(limits->pairs);
    limiter_free(limits->names);
    free(limits);
}

static void refuse(struct exchange *exchange, unsigned wait)
{
    metrics_limit(&exchange->server->metrics, LIMIT_SIGN_INS);
    log_warning("A sign-in was refused by the limit", {"source", exchange->source},
                {"request", exchange->request_id});
    exchange_problem_later(exchange, PROBLEM_TOO_MANY_REQUESTS, wait,
                           "Too many attempts to sign in. Wait before the next one.");
}

static void hold_back(struct sign_in_limits *limits, struct exchange *exchange)
{
    metrics_limit(&limits->server->metrics, LIMIT_SLOW_SIGN_INS);
    for (size_t i = 0; i < LOGIN_SLOW_MAX; i++) {
        struct held *held = &limits->held[i];
        if (held->exchange)
            continue;
        held->exchange = exchange;
        loop_timer_set(limits->server->loop, &held->timer, LOGIN_SLOW_MS * SECOND_US / 1000);
        return;
    }
    refuse(exchange, LOGIN_SLOW_MS / 1000); // not for long
}

int sign_in_limits_take(struct sign_in_limits *limits, struct exchange *exchange, const char *username)
{
    struct keys keys;
    int64_t now = clock_monotonic_us();
    make_keys(exchange->source_key, username, &keys);
    unsigned wait = limiter_take(limits->sources, exchange->source_key, now);
    if (!wait)
        wait = limiter_take(limits->pairs, keys.pair, now);
    if (wait)
        refuse(exchange, wait);
    else if (limiter_take(limits->names, keys.name, now))
        hold_back(limits, exchange);
    else
        return 0;
    return -1;
}

void sign_in_limits_refund(struct sign_in_limits *limits, const struct exchange *exchange,
                           const char *username)
{
    struct keys keys;
    make_keys(exchange->source_key, username, &keys);
    limiter_refund(limits->sources, exchange->source_key);
    limiter_refund(limits->pairs, keys.pair);
    limiter_refund(limits->names, keys.name);
}
