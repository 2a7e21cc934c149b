#pragma once
// The route table's vocabulary, and finding the route of a request.

#include <stdbool.h>
#include <stddef.h>

#include "lib/ids.h"
#include "server/work.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

#define ROUTE_IDS_MAX 2

struct exchange;

struct route {
    enum http_method method;
    const char *pattern; // "{id}" stands for a UUID, at most ROUTE_IDS_MAX times
    bool signed_in;      // needs a good access token; the handlers find the account in the exchange
    size_t body_max;     // 0: no body is taken
    enum work_lane lane;
    // On the loop, with the whole body: reads it. -1 when it answered (a problem) itself. May be NULL.
    int (*prepare)(struct exchange *exchange);
    // On a worker: 0 or -errno, which finish finds in exchange->error. NULL and not signed_in: no worker is asked.
    int (*work)(struct exchange *exchange, struct store *store);
    // On the loop: answers, now or later.
    void (*finish)(struct exchange *exchange);
};

struct route_match {
    const struct route *route;    // NULL when nothing fits
    struct id ids[ROUTE_IDS_MAX]; // of each {id}; nil when the pattern has none
    char allow[40];               // the path's methods, when only the method does not fit; else ""
};

// HEAD finds the route of GET.
void route_find(const struct route *routes, size_t count, enum http_method method, const char *path,
                struct route_match *ret_match);
