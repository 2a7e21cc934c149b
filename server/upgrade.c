#include "server/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/cleanup.h"
#include "server/clock.h"
#include "server/http_request.h"
#include "server/limits.h"
#include "server/origin.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewers.h"

static int refuse(struct connection *connection, enum problem problem, const char *detail)
{
    struct exchange *exchange = connection->exchange;
    metrics_count(&connection->server->metrics, METRIC_VIEWERS_REFUSED);
    exchange_refuse(exchange, problem, detail);
    return -1;
}

int upgrade_parse_path(const char *path, struct upgrade_path *ret_path)
{
    static const char middle[] = "/sandboxes/";
    if (strncmp(path, "/ws/", 4) != 0)
        return -ENOENT;
    path += 4;
    size_t length = strcspn(path, "/");
    struct upgrade_path parsed = {0};
    if (length == 0 || length > NODE_ID_MAX || strncmp(path + length, middle, sizeof(middle) - 1) != 0)
        return -ENOENT;
    memcpy(parsed.node, path, length);
    path += length + sizeof(middle) - 1;
    char id[ID_TEXT_SIZE];
    if (strlen(path) < ID_TEXT_SIZE - 1)
        return -ENOENT;
    memcpy(id, path, ID_TEXT_SIZE - 1);
    id[ID_TEXT_SIZE - 1] = '\0';
    if (id_parse(id, &parsed.sandbox) < 0 || strcmp(path + ID_TEXT_SIZE - 1, "/desktop") != 0)
        return -ENOENT;
    *ret_path = parsed;
    return 0;
}

static int check_path(struct connection *connection, struct lws *wsi, struct upgrade_path *ret_path)
{
    char text[HTTP_PATH_MAX + 1];
    if (connection->site != SITE_WEB || !http_header(wsi, WSI_TOKEN_GET_URI, text, sizeof(text)) ||
        upgrade_parse_path(text, ret_path) < 0)
        return refuse(connection, PROBLEM_NOT_FOUND, "There is no WebSocket at this path.");
    if (strcmp(ret_path->node, connection->server->node) == 0)
        return 0;
    char detail[128];
    snprintf(detail, sizeof(detail), "This is node \"%s\". Get a new ticket: its path names the right node.",
             connection->server->node);
    return refuse(connection, PROBLEM_WRONG_NODE, detail);
}

static int check_protocol(struct connection *connection, struct lws *wsi, const char *protocol)
{
    char wanted[64], version[8];
    if (strcasecmp(protocol, "websocket") != 0)
        return refuse(connection, PROBLEM_BAD_REQUEST, "The only upgrade here is websocket.");
    // libwebsockets would bind the connection to whatever protocol of its own the client names.
    if (!http_header(wsi, WSI_TOKEN_PROTOCOL, wanted, sizeof(wanted)) || strcmp(wanted, VIEWER_PROTOCOL) != 0)
        return refuse(connection, PROBLEM_BAD_REQUEST, "Ask for the subprotocol " VIEWER_PROTOCOL ".");
    if (!http_header(wsi, WSI_TOKEN_VERSION, version, sizeof(version)) || strcmp(version, "13") != 0)
        return refuse(connection, PROBLEM_BAD_REQUEST,
                      "The only version of WebSocket here is 13 (RFC 6455).");
    return 0;
}

static int check_origin(struct connection *connection, struct lws *wsi)
{
    char origin[256], host[256];
    const char *allowed = config_text(connection->server->config, CONFIG_ALLOWED_ORIGINS);
    if (http_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) &&
        http_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)) && origin_permitted(origin, host, allowed))
        return 0;
    return refuse(connection, PROBLEM_FORBIDDEN_ORIGIN,
                  "Use the page that this server serves, or have its address added to ALLOWED_ORIGINS.");
}

static int take_ticket(struct connection *connection, struct lws *wsi, const struct id *sandbox,
                       struct ticket *ret_ticket)
{
    char text[OPAQUE_TOKEN_TEXT_SIZE];
    if (!http_query(wsi, "ticket", text, sizeof(text)) ||
        tickets_take(connection->server->tickets, text, clock_monotonic_us(), ret_ticket) < 0)
        return refuse(connection, PROBLEM_UNAUTHENTICATED,
                      "The ticket is wrong, was used, or is older than 30 s. Get a new one.");
    if (!id_equal(&ret_ticket->sandbox, sandbox))
        return refuse(connection, PROBLEM_FORBIDDEN, "The ticket is for another sandbox.");
    return 0;
}

int upgrade_check(struct connection *connection, struct lws *wsi, const char *protocol)
{
    struct server *server = connection->server;
    struct upgrade_path path;
    struct ticket ticket;
    if (check_path(connection, wsi, &path) < 0 || check_protocol(connection, wsi, protocol) < 0 ||
        check_origin(connection, wsi) < 0 || take_ticket(connection, wsi, &path.sandbox, &ticket) < 0)
        return -1;
    struct sandbox *sandbox = sandboxes_find(server->sandboxes, &path.sandbox);
    if (!sandbox || sandbox->state != STATE_RUNNING || server->stopping)
        return refuse(connection, PROBLEM_NOT_FOUND, "The sandbox is not running.");
    connection->viewer = viewer_new(server->viewers, wsi, sandbox, &ticket);
    return connection->viewer ? 0 : refuse(connection, PROBLEM_UNAVAILABLE, "The server is out of memory.");
}

void upgrade_connection_gone(struct connection *connection)
{
    viewer_free(steal_pointer(&connection->viewer));
}
