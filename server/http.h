#pragma once
// HTTP/1.1 connections on libwebsockets: accepts, reads requests within bounds, sends answers.

#include <libwebsockets.h>

#include "server/exchange.h"
#include "server/loop.h"

struct server;
struct listener;
struct viewer;

enum http_site { SITE_WEB, SITE_METRICS };

// A socket's life from accept to close: requests one after the other, or one viewer.
struct connection {
    struct server *server;
    struct lws *wsi;
    enum http_site site;
    struct in6_addr peer;
    struct exchange *exchange; // the request that is being worked on
    struct viewer *viewer;     // after the upgrade
    unsigned char *head;       // the answer being sent: LWS_PRE bytes of room, then headers
    size_t head_length;
    size_t body_sent;
    bool head_sent;
    bool given_up;           // it makes room for another one
    int64_t linger_until_us; // monotonic; refusing what still comes
    size_t lingered;
    struct connection *previous, *next;
};

// Binds and listens. -errno.
int listener_new(struct server *server, enum http_site site, const char *host, unsigned port,
                 struct listener **ret_listener);
void listener_free(struct listener *listener);

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length);

// The server is stopping: connections without a request are closed, the others with their answers, and the loop ends with the last one.
void http_go_away(struct server *server);
// The connection's exchange has its answer.
void http_send(struct connection *connection);
// Sends an answer at once, in place of an upgrade, and frees the exchange. -1: the connection must be closed, as it always must.
int http_refuse_upgrade(struct connection *connection);
// The connection's socket is gone or given up.
void http_connection_free(struct connection *connection);
