#pragma once
// What one sandbox-server consists of: built and taken down by main.c; the route handlers reach their modules through it.

#include "auth/token.h"
#include "lib/config.h"
#include "lib/networks.h"
#include "server/limiter.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/recording_writer.h"
#include "server/tickets.h"
#include "server/work.h"

struct creation;
struct recording_end;
struct sign_in_limits;

#define SERVER_SCRATCH (64u << 10)

struct server {
    const struct config *config;
    const char *node;
    struct networks trusted_proxies; // whose X-Forwarded-For is believed
    struct token_key token_keys[2]; // the first one signs; JWT_SECRET_PREVIOUS is good for what it has signed
    size_t token_key_count;
    struct successor_key successor_key;
    struct loop *loop;
    struct work *work;
    struct static_files *files;
    struct tickets *tickets;
    struct sign_in_limits *sign_in_limits;
    struct limiter *link_sources; // who tries links that do not exist
    struct sandboxd_client *sandboxd;
    struct sandboxes *sandboxes;
    struct creation *creations; // creation.c's list
    struct viewers *viewers;
    struct recorder *recorders; // recorder.c's list
    struct recording_writers recording_writers;
    struct recording_end *recording_ends; // recording_end.c's list
    struct films *films;
    struct notifications *notifications;
    struct operator_changes *operator_changes;
    struct pruning *pruning;
    struct listener *web;
    struct listener *metrics_listener;
    struct metrics metrics;
    struct connection *connections;
    unsigned connection_count;
    bool stopping;
    bool draining;   // /health says so, and no sandbox is started
    bool begin_anew; // the database is another one: whoever watches over this program starts it again
    unsigned char scratch[LWS_PRE + SERVER_SCRATCH]; // for one write or packet at a time
};

// Takes no new sandboxes from here on, or takes them again.
void server_drain(struct server *server, bool drain);
