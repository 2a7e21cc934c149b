#include "server/problem.h"

#include <stdio.h>

static const struct {
    unsigned status;
    const char *type;
    const char *title;
} table[PROBLEM_COUNT] = {
#define PROBLEM(status, name, title)                                                                         \
    {                                                                                                        \
        status, "urn:sandbox-server:problem:" name, title                                                    \
    }
    [PROBLEM_BAD_REQUEST] = PROBLEM(400, "bad-request", "The request is wrong"),
    [PROBLEM_UNAUTHENTICATED] = PROBLEM(401, "unauthenticated", "Not signed in"),
    [PROBLEM_SIGN_IN_FAILED] = PROBLEM(401, "sign-in-failed", "Sign-in failed"),
    [PROBLEM_FORBIDDEN_ORIGIN] = PROBLEM(403, "forbidden-origin", "Request from a foreign page"),
    [PROBLEM_FORBIDDEN] = PROBLEM(403, "forbidden", "Not permitted"),
    [PROBLEM_NOT_FOUND] = PROBLEM(404, "not-found", "Not found"),
    [PROBLEM_METHOD_NOT_ALLOWED] = PROBLEM(405, "method-not-allowed", "Method not allowed"),
    [PROBLEM_CONFLICT] = PROBLEM(409, "conflict", "Conflict with the present state"),
    [PROBLEM_LIMIT_REACHED] = PROBLEM(409, "limit-reached", "Too many sandboxes"),
    [PROBLEM_LENGTH_REQUIRED] = PROBLEM(411, "length-required", "Content-Length is missing"),
    [PROBLEM_TOO_LARGE] = PROBLEM(413, "too-large", "The request is too large"),
    [PROBLEM_RANGE] = PROBLEM(416, "range", "Nothing in this range"),
    [PROBLEM_WRONG_NODE] = PROBLEM(421, "wrong-node", "Another node serves this sandbox"),
    [PROBLEM_UNPROCESSABLE] = PROBLEM(422, "not-possible", "A value is not possible"),
    [PROBLEM_UPGRADE_REQUIRED] = PROBLEM(426, "upgrade-required", "This is a WebSocket"),
    [PROBLEM_TOO_MANY_REQUESTS] = PROBLEM(429, "too-many-requests", "Too many requests"),
    [PROBLEM_UNAVAILABLE] = PROBLEM(503, "unavailable", "Busy"),
    [PROBLEM_DATABASE] = PROBLEM(503, "database-unavailable", "The database can't be reached"),
    [PROBLEM_SANDBOXES_UNAVAILABLE] = PROBLEM(503, "sandboxes-unavailable", "Sandboxes can't be managed now"),
    [PROBLEM_START_FAILED] = PROBLEM(503, "start-failed", "The sandbox did not start"),
#undef PROBLEM
};

unsigned problem_status(enum problem problem)
{
    return table[problem].status;
}

json_t *problem_document(enum problem problem, const char *detail, const char *request_id)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", table[problem].type, "title", table[problem].title,
                     "status", (int)table[problem].status, "detail", detail, "request_id", request_id);
}
