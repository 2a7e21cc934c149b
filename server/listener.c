#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/http.h"
#include "server/limits.h"
#include "server/server.h"

#define ACCEPT_PAUSE_US 200000 // when descriptors are out: connections wait in the backlog

struct listener {
    struct server *server;
    enum http_site site;
    int fd;
    struct loop_watch watch;
    struct loop_timer pause;
};

static struct in6_addr peer_of(const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;
    if (address->ss_family == AF_INET6)
        return six->sin6_addr;
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&mapped.s6_addr[12], &four->sin_addr, sizeof(four->sin_addr));
    return mapped;
}

static void tune_socket(int fd)
{
    int on = 1;
    // Only what fits the path is queued in the kernel: a stalled viewer must not collect seconds of stale pictures.
    int unsent = 16384;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

// The oldest connection that has not sent a whole request gives up its place: silent ones must not keep others out. Its end comes with the loop's next turn,
// which is why a batch may stand above the maximum until then.
static bool make_room(struct server *server)
{
    if (server->connection_count < HTTP_CONNECTIONS_MAX)
        return true;
    struct connection *oldest = NULL;
    for (struct connection *connection = server->connections; connection; connection = connection->next) {
        const struct exchange *exchange = connection->exchange;
        bool waits = !connection->viewer && (!exchange || (!exchange->started && !exchange->answered));
        if (connection->wsi && waits && !connection->given_up)
            oldest = connection;
    }
    if (!oldest || server->connection_count >= HTTP_CONNECTIONS_MAX + ACCEPT_BATCH)
        return false;
    oldest->given_up = true;
    lws_set_timeout(oldest->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    return true;
}

static void adopt(struct listener *listener, int fd, const struct sockaddr_storage *address)
{
    struct server *server = listener->server;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection || !make_room(server)) {
        free(connection);
        close(fd);
        metrics_limit(&server->metrics, LIMIT_CONNECTIONS);
        return;
    }
    tune_socket(fd);
    connection->server = server;
    connection->site = listener->site;
    connection->peer = peer_of(address);
    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->connection_count++;
    struct lws *wsi = loop_adopt_http(server->loop, fd, connection);
    // A failed adoption may already have destroyed the socket's object, and the connection with it.
    if (server->connections != connection)
        return;
    if (wsi)
        connection->wsi = wsi;
    else
        http_connection_free(connection);
}

static void on_pause_end(void *data)
{
    struct listener *listener = data;
    loop_watch_change(listener->server->loop, &listener->watch, EPOLLIN);
}

static void on_ready(void *data, uint32_t events)
{
    (void)events;
    struct listener *listener = data;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        int fd = accept4(listener->fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            adopt(listener, fd, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            log_warning("Connections wait: the system is out of descriptors or memory",
                        {"error", strerror(errno)});
            loop_watch_change(listener->server->loop, &listener->watch, 0);
            loop_timer_set(listener->server->loop, &listener->pause, ACCEPT_PAUSE_US);
        }
        return;
    }
}

static int open_socket(const char *host, unsigned port, int *ret_fd)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    int on = 1;
    AUTO_FD int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        error = -errno;
    freeaddrinfo(found);
    if (!error)
        *ret_fd = steal_fd(&fd);
    return error;
}

int listener_new(struct server *server, enum http_site site, const char *host, unsigned port,
                 struct listener **ret_listener)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return -ENOMEM;
    *listener = (struct listener){.server = server, .site = site, .fd = -1};
    listener->watch = (struct loop_watch){.fd = -1, .ready = on_ready, .data = listener};
    listener->pause = (struct loop_timer){.fire = on_pause_end, .data = listener};
    int error = open_socket(host, port, &listener->fd);
    if (!error)
        error = loop_watch_add(server->loop, &listener->watch, listener->fd, EPOLLIN);
    if (error) {
        listener_free(listener);
        return error;
    }
    *ret_listener = listener;
    return 0;
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    loop_timer_cancel(&listener->pause);
    loop_watch_remove(listener->server->loop, &listener->watch);
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener);
}
