#pragma once
// One HTTP request and its answer. It outlives its connection: a handler that waits for a worker or for sandboxd answers into the void when
// the client has gone.

#include <jansson.h>
#include <stdbool.h>

#include "lib/ids.h"
#include "server/problem.h"
#include "server/route.h"
#include "server/source.h"
#include "server/work.h"
#include "store/account.h"

#define HEADER_VALUE_MAX 2048 // bytes of one header that is read

struct server;
struct connection;

struct answer {
    unsigned status;
    const char *content_type;
    const void *body; // borrowed from `owned`, or constant
    size_t length;
    char *owned;
    unsigned retry_after; // seconds; 0: no header
    char allow[40];
    char set_cookie[256];
    char content_range[80];
    const char *cache_control;
    const char *etag;
    const char *content_encoding;
    bool close; // the connection can't be used again
};

struct exchange {
    struct work_job job; // while a worker has it
    struct server *server;
    struct connection *connection; // NULL: the client has gone
    const struct route *route;
    enum http_method method;
    struct id id;   // {id} of the path
    struct id part; // its second {id}: what belongs to the first one
    char request_id[ID_TEXT_SIZE];
    char source[SOURCE_TEXT_SIZE];     // who asks, as text
    char source_key[SOURCE_TEXT_SIZE]; // and what its limits are counted by
    struct query {
        char limit[8];
        char cursor[65];
        char state[16];
        bool wrong; // an unknown, repeated or overlong parameter
    } query;
    char bearer[HEADER_VALUE_MAX];                 // the access token; a secret
    char refresh_token[64];                        // from the cookie; a secret
    char idempotency_key[IDEMPOTENCY_KEY_MAX + 2]; // one more than permitted, so that a longer one is seen
    char range[64];                                // the Range header
    char *body;                                    // NUL-terminated; a secret
    size_t body_length;
    size_t body_expected;

    // What the access token says, once checked (signed_in routes).
    struct store_account account;
    struct id sign_in;

    void *detail; // the handler's, freed with the exchange after being wiped
    size_t detail_size;
    void (*detail_leaves)(void *detail); // before that; NULL: nobody else knows of it
    int error;                           // of the worker's part
    bool refused;                        // the access token is not good: finish is not called
    bool started;                        // all of it was read
    bool answered;
    struct answer answer;
    struct exchange *next;      // in the list of whoever it waits for
    struct loop_timer patience; // of sandboxes_await
    int64_t started_us;
};

struct exchange *exchange_new(struct server *server, struct connection *connection);
void exchange_free(struct exchange *exchange);

// Zeroed memory for the handler. NULL when memory is out (answered then).
void *exchange_detail(struct exchange *exchange, size_t size);

// The body is there: runs the route's prepare, work and finish.
void exchange_start(struct exchange *exchange);

// The route's work, after the access token is checked, then its finish: for a prepare that returned -1 to have that done later, and once more
// for a request that waited since, for which what was read then does not count.
void exchange_work(struct exchange *exchange);

// Answers; each exactly once. The exchange may be gone afterwards.
void exchange_json(struct exchange *exchange, unsigned status,
                   json_t *document); // takes the reference; NULL: memory is out
void exchange_empty(struct exchange *exchange, unsigned status);
void exchange_problem(struct exchange *exchange, enum problem problem, const char *detail);
void exchange_problem_later(struct exchange *exchange, enum problem problem, unsigned retry_after,
                            const char *detail);
// Fills in the answer without sending it: for who writes it himself (http_refuse_upgrade).
void exchange_refuse(struct exchange *exchange, enum problem problem, const char *detail);
// For -errno of the store that the handler has no own answer to.
void exchange_store_failed(struct exchange *exchange, int error);
// The answer was filled in by the caller.
void exchange_answer(struct exchange *exchange);
