#include "server/sandboxd_client.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "server/clock.h"

#define RECONNECT_US 100000
#define GREETING_US (5 * SECOND_US)
#define PATIENCE_US (5 * SECOND_US) // without anything read
#define WAITING_MAX 4096u           // requests

// A socket takes about ten packets before sandboxd has to read, and a network policy has up to eighty.
struct waiting {
    struct waiting *next;
    size_t size;
    uint8_t bytes[];
};

struct sandboxd_client {
    struct loop *loop;
    const char *path;
    const struct sandboxd_events *events;
    void *data;
    int fd;
    struct loop_watch watch;
    struct loop_timer timer; // to connect again, or for a greeting that does not come
    bool greeted;
    bool broken;     // a request could not be sent: the timer ends the connection
    bool complained; // that it can't be reached: once until it can
    struct sandboxd_welcome welcome;
    struct waiting *first, **last; // requests that the socket did not take yet
    unsigned waiting_count;
};

static void drop_first(struct sandboxd_client *client)
{
    struct waiting *waiting = client->first;
    client->first = waiting->next;
    if (!client->first)
        client->last = &client->first;
    client->waiting_count--;
    explicit_bzero(waiting->bytes, waiting->size); // it may be a header's value
    free(waiting);
}

static void disconnect(struct sandboxd_client *client, const char *reason)
{
    loop_watch_remove(client->loop, &client->watch);
    while (client->first)
        drop_first(client);
    if (client->fd >= 0)
        close(steal_fd(&client->fd));
    loop_timer_set(client->loop, &client->timer, RECONNECT_US);
    if (!client->complained)
        log_warning("sandboxd can't be reached; its log says more", {"reason", reason},
                    {"socket", client->path});
    client->complained = true;
    bool greeted = client->greeted;
    client->greeted = false;
    client->broken = false;
    if (greeted)
        client->events->disconnected(client->data);
}

static void take_message(struct sandboxd_client *client, const struct sandboxd_message *message, int fd)
{
    if (message->kind != SANDBOXD_WELCOME) {
        client->events->message(client->data, message, fd);
        return;
    }
    client->welcome = message->welcome;
    client->greeted = true;
    client->complained = false;
    loop_timer_cancel(&client->timer);
    log_info("sandboxd answers");
    client->events->connected(client->data);
}

// Reads one message. 0, or -errno that ends the reading.
static int receive(struct sandboxd_client *client)
{
    struct sandboxd_message bytes, message;
    AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
    int error = ipc_receive(client->fd, &bytes, sizeof(bytes), &packet);
    if (error == -EAGAIN)
        return error;
    bool permitted =
        !error &&
        sandboxd_message_decode(&bytes, packet.length, packet.fd_count, CHANNEL_SERVER, &message) == 0 &&
        (message.kind == SANDBOXD_WELCOME) != client->greeted;
    if (!permitted) {
        disconnect(client, error ? strerror(-error) : "it broke the protocol");
        return -ENOTCONN;
    }
    int fd = packet.fd_count ? steal_fd(&packet.fds[0]) : -1;
    take_message(client, &message, fd);
    return client->fd < 0 ? -ENOTCONN : 0;
}

// 0, -EAGAIN when sandboxd has to read first, or another -errno.
static int send_waiting(struct sandboxd_client *client)
{
    while (client->first) {
        int error = ipc_send(client->fd, client->first->bytes, client->first->size, NULL, 0);
        if (error)
            return error;
        drop_first(client);
        loop_timer_set(client->loop, &client->timer, PATIENCE_US);
    }
    loop_timer_cancel(&client->timer);
    return loop_watch_change(client->loop, &client->watch, EPOLLIN);
}

static void on_ready(void *data, uint32_t events)
{
    struct sandboxd_client *client = data;
    int error = client->first && (events & EPOLLOUT) ? send_waiting(client) : 0;
    if (error && error != -EAGAIN) {
        disconnect(client, strerror(-error));
        return;
    }
    while (receive(client) == 0)
        ;
}

static void connect_again(struct sandboxd_client *client)
{
    int error = ipc_connect(client->path, &client->fd);
    if (!error)
        error = set_nonblocking(client->fd);
    if (!error)
        error = loop_watch_add(client->loop, &client->watch, client->fd, EPOLLIN);
    struct sandboxd_message hello = {.kind = SANDBOXD_HELLO, .hello.version = SANDBOXD_CHANNEL_VERSION};
    if (!error)
        error = sandboxd_message_send(client->fd, &hello, CHANNEL_CLIENT, -1);
    if (error)
        disconnect(client, strerror(-error));
    else
        loop_timer_set(client->loop, &client->timer, GREETING_US);
}

static void on_timer(void *data)
{
    struct sandboxd_client *client = data;
    if (client->fd >= 0)
        disconnect(client, client->greeted ? "it does not read" : "it does not greet");
    else
        connect_again(client);
}

struct sandboxd_client *sandboxd_client_new(struct loop *loop, const char *path,
                                            const struct sandboxd_events *events, void *data)
{
    struct sandboxd_client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    *client = (struct sandboxd_client){.loop = loop, .path = path, .events = events, .data = data, .fd = -1};
    client->last = &client->first;
    client->watch = (struct loop_watch){.fd = -1, .ready = on_ready, .data = client};
    client->timer = (struct loop_timer){.fire = on_timer, .data = client};
    loop_timer_set(loop, &client->timer, 0);
    return client;
}

void sandboxd_client_free(struct sandboxd_client *client)
{
    if (!client)
        return;
    loop_timer_cancel(&client->timer);
    loop_watch_remove(client->loop, &client->watch);
    while (client->first)
        drop_first(client);
    if (client->fd >= 0)
        close(client->fd);
    free(client);
}

const struct sandboxd_welcome *sandboxd_client_welcome(const struct sandboxd_client *client)
{
    return client->greeted ? &client->welcome : NULL;
}

static int wait_for_room(struct sandboxd_client *client, const struct sandboxd_message *message)
{
    size_t size = sandboxd_message_size(message->kind);
    struct waiting *waiting = client->waiting_count < WAITING_MAX ? calloc(1, sizeof(*waiting) + size) : NULL;
    if (!waiting)
        return -ENOBUFS;
    waiting->size = size;
    memcpy(waiting->bytes, message, size);
    if (!client->first)
        loop_timer_set(client->loop, &client->timer, PATIENCE_US);
    *client->last = waiting;
    client->last = &waiting->next;
    client->waiting_count++;
    return loop_watch_change(client->loop, &client->watch, EPOLLIN | EPOLLOUT);
}

int sandboxd_client_send(struct sandboxd_client *client, const struct sandboxd_message *message)
{
    if (!client->greeted || client->broken)
        return -ENOTCONN;
    int error = client->first ? -EAGAIN : sandboxd_message_send(client->fd, message, CHANNEL_CLIENT, -1);
    if (error == -EAGAIN)
        error = wait_for_room(client, message);
    if (!error)
        return 0;
    // The connection ends from the timer, since the caller is in the middle of something; after it has come back all is reconciled.
    client->broken = true;
    loop_timer_set(client->loop, &client->timer, 0);
    return -ENOTCONN;
}
