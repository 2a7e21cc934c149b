#include "server/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/http_head.h"
#include "server/http_request.h"
#include "server/limits.h"
#include "server/server.h"
#include "server/upgrade.h"

#define BODY_PIECE 65536u

static void drop_exchange(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (!exchange)
        return;
    exchange->connection = NULL;
    if (exchange->answered || !exchange->started)
        exchange_free(exchange); // otherwise whoever answers it frees it
}

static void drop_head(struct connection *connection)
{
    free(connection->head);
    connection->head = NULL;
    connection->head_length = 0;
    connection->body_sent = 0;
    connection->head_sent = false;
}

void http_connection_free(struct connection *connection)
{
    struct server *server = connection->server;
    drop_exchange(connection);
    drop_head(connection);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    server->connection_count--;
    free(connection);
    if (server->stopping && server->connection_count == 0)
        loop_stop(server->loop);
}

void http_go_away(struct server *server)
{
    for (struct connection *connection = server->connections; connection; connection = connection->next) {
        if (connection->wsi && !connection->viewer && !connection->exchange)
            lws_set_timeout(connection->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
    if (server->connection_count == 0)
        loop_stop(server->loop);
}

void http_send(struct connection *connection)
{
    // The next request is for the process that comes after this one.
    connection->exchange->answer.close |= connection->server->stopping;
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_HTTP_CONTENT, HTTP_REQUEST_SECONDS);
    lws_rx_flow_control(connection->wsi, 1);
    lws_callback_on_writable(connection->wsi);
}

static bool body_pending(const struct exchange *exchange)
{
    return exchange->body_expected > exchange->body_length ||
           (exchange->answer.close && (exchange->method == HTTP_POST || exchange->method == HTTP_PATCH) &&
            exchange->body_expected == 0);
}

// A refusal is on its way while the client still sends: closing now would reset the connection and lose it.
static int linger(struct connection *connection)
{
    connection->linger_until_us = clock_monotonic_us() + HTTP_LINGER_SECONDS * SECOND_US;
    shutdown(lws_get_socket_fd(connection->wsi), SHUT_WR);
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_HTTP_CONTENT, HTTP_LINGER_SECONDS);
    return 0;
}

static int finish_answer(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    bool close = exchange->answer.close;
    bool pending = body_pending(exchange);
    drop_exchange(connection);
    drop_head(connection);
    if (close && pending && !lws_partial_buffered(connection->wsi))
        return linger(connection);
    if (close || pending)
        return -1;
    return lws_http_transaction_completed(connection->wsi) ? -1 : 0;
}

static int write_piece(struct connection *connection, const struct answer *answer, size_t length)
{
    unsigned char *piece = connection->server->scratch + LWS_PRE;
    memcpy(piece, (const char *)answer->body + connection->body_sent, length);
    if (lws_write(connection->wsi, piece, length, LWS_WRITE_HTTP) < (int)length)
        return -1;
    connection->body_sent += length;
    return 0;
}

static int on_writable(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (!exchange || !exchange->answered)
        return 0;
    const struct answer *answer = &exchange->answer;
    bool with_body = exchange->method != HTTP_HEAD;
    if (!connection->head_sent) {
        if (!connection->head &&
            http_head_new(exchange, with_body, &connection->head, &connection->head_length) < 0)
            return -1;
        connection->head_sent = true;
        int length = (int)connection->head_length;
        if (lws_write(connection->wsi, connection->head + LWS_PRE, connection->head_length,
                      LWS_WRITE_HTTP_HEADERS) < length)
            return -1;
        // A small body went along with the head.
        connection->body_sent = with_body && answer->length <= HTTP_HEAD_BODY_MAX ? answer->length : 0;
    } else {
        size_t left = answer->length - connection->body_sent;
        if (write_piece(connection, answer, left < BODY_PIECE ? left : BODY_PIECE) < 0)
            return -1;
    }
    if (!with_body || connection->body_sent == answer->length)
        return finish_answer(connection);
    lws_callback_on_writable(connection->wsi);
    return 0;
}

static int start(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    lws_set_timeout(connection->wsi, NO_PENDING_TIMEOUT, 0);
    // While the request is worked on, libwebsockets would spin on a pipelined one, and take its bytes for this one's body.
    lws_rx_flow_control(connection->wsi, 0);
    exchange->started = true;
    exchange_start(exchange);
    return 0;
}

static int on_request(struct connection *connection, struct lws *wsi, const char *path, size_t length)
{
    if (connection->exchange || connection->linger_until_us)
        return -1;
    struct exchange *exchange = exchange_new(connection->server, connection);
    if (!exchange)
        return -1;
    connection->exchange = exchange;
    if (http_request_read(exchange, wsi, path, length) < 0)
        return 0;
    if (exchange->body_expected == 0)
        return start(connection);
    exchange->body = calloc(1, exchange->body_expected + 1);
    return exchange->body ? 0 : -1;
}

static int on_body(struct connection *connection, const void *data, size_t length)
{
    struct exchange *exchange = connection->exchange;
    int64_t now = clock_monotonic_us();
    if (connection->linger_until_us) {
        connection->lingered += length;
        return now > connection->linger_until_us || connection->lingered > HTTP_LINGER_BYTES ? -1 : 0;
    }
    // libwebsockets announces an empty body by an empty piece.
    if (!exchange || exchange->answered || length == 0)
        return 0;
    if (length > exchange->body_expected - exchange->body_length ||
        now > exchange->started_us + HTTP_REQUEST_SECONDS * SECOND_US)
        return -1;
    memcpy(exchange->body + exchange->body_length, data, length);
    exchange->body_length += length;
    return 0;
}

static int on_body_end(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (connection->linger_until_us)
        return -1;
    // libwebsockets repeats this for what a client pipelines after the body.
    if (!exchange || exchange->answered || !exchange->body || exchange->started)
        return 0;
    if (exchange->body_length != exchange->body_expected)
        return 0;
    return start(connection);
}

int http_refuse_upgrade(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    exchange->answer.close = true;
    unsigned char *head = NULL;
    size_t length = 0;
    if (http_head_new(exchange, true, &head, &length) == 0)
        lws_write(connection->wsi, head + LWS_PRE, length, LWS_WRITE_HTTP_HEADERS);
    free(head);
    drop_exchange(connection);
    return -1;
}

static int on_upgrade(struct connection *connection, struct lws *wsi, const char *protocol)
{
    // Absent when libwebsockets has already refused a protocol that it does not know.
    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) == 0 || connection->exchange || connection->viewer)
        return -1;
    connection->exchange = exchange_new(connection->server, connection);
    if (!connection->exchange)
        return -1;
    if (upgrade_check(connection, wsi, protocol) < 0)
        return http_refuse_upgrade(connection);
    exchange_free(steal_pointer(&connection->exchange));
    return 0;
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)user;
    struct connection *connection = lws_get_opaque_user_data(wsi);
    if (!connection)
        return 0;
    connection->wsi = wsi;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(connection, wsi, in, length);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(connection, in, length);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(connection);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(connection);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(connection, wsi, in);
    case LWS_CALLBACK_CLOSED_HTTP:
        drop_exchange(connection);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        upgrade_connection_gone(connection);
        lws_set_opaque_user_data(wsi, NULL);
        http_connection_free(connection);
        return 0;
    case LWS_CALLBACK_RAW_ADOPT: // CONNECT turns a connection into a raw one
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_ESTABLISHED: // a WebSocket without our subprotocol
    case LWS_CALLBACK_RECEIVE:
        return -1;
    default:
        return 0;
    }
}
