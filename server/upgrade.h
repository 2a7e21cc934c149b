#pragma once
// What is checked before a connection becomes a desktop WebSocket: path, node, Origin, ticket (docs/PROTOCOL.md). All of it is in memory,
// since libwebsockets decides an upgrade at once.

#include "server/http.h"

// 0: connection->viewer is there. -1: the connection's exchange holds the answer.
int upgrade_check(struct connection *connection, struct lws *wsi, const char *protocol);
void upgrade_connection_gone(struct connection *connection);

struct upgrade_path {
    char node[NODE_ID_MAX + 1];
    struct id sandbox;
};

// 0, or -ENOENT when it is no desktop's path.
int upgrade_parse_path(const char *path, struct upgrade_path *ret_path);
