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
};

static void disconnect(struct sandboxd_client *client, const char *reason)
{
    loop_watch_remove(client->loop, &client->watch);
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

static void on_ready(void *data, uint32_t events)
{
    (void)events;
    struct sandboxd_client *client = data;
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
        disconnect(client, client->broken ? "it does not read" : "it does not greet");
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
    if (client->fd >= 0)
        close(client->fd);
    free(client);
}

const struct sandboxd_welcome *sandboxd_client_welcome(const struct sandboxd_client *client)
{
    return client->greeted ? &client->welcome : NULL;
}

int sandboxd_client_send(struct sandboxd_client *client, const struct sandboxd_message *message)
{
    if (!client->greeted || client->broken)
        return -ENOTCONN;
    // A full socket holds hundreds of requests that sandboxd has not read: it hangs, and after it has come back all is reconciled. The
    // connection ends from the timer, since the caller is in the middle of something.
    if (sandboxd_message_send(client->fd, message, CHANNEL_CLIENT, -1) == 0)
        return 0;
    client->broken = true;
    loop_timer_set(client->loop, &client->timer, 0);
    return -ENOTCONN;
}
