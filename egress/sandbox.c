#include "egress/sandbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/connection.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/log.h"

#define BACKLOG 128

struct sandbox *sandbox_find(struct proxy *proxy, const struct id *id)
{
    struct sandbox *sandbox = proxy->sandboxes;
    while (sandbox && !id_equal(&sandbox->id, id))
        sandbox = sandbox->next;
    return sandbox;
}

static void resume(struct deadline *deadline)
{
    struct sandbox *sandbox = CONTAINER_OF(deadline, struct sandbox, pause);
    if (loop_watch(&sandbox->proxy->loop, &sandbox->listener, EPOLLIN) < 0)
        deadline_set(&sandbox->proxy->deadlines, deadline, DEADLINE_PAUSE);
}

// Without a descriptor or memory to spare a waiting connection would spin the loop.
static void pause_listener(struct sandbox *sandbox, int error)
{
    log_warning("no connection can be accepted for a moment", {"sandbox", sandbox->id_text},
                {"error", strerror(error)});
    if (loop_watch(&sandbox->proxy->loop, &sandbox->listener, 0) < 0)
        abort();
    deadline_set(&sandbox->proxy->deadlines, &sandbox->pause, DEADLINE_PAUSE);
}

static void on_listener(struct watch *watch, uint32_t events)
{
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, listener);
    (void)events;
    for (unsigned i = 0; i < EGRESS_ACCEPT_BATCH; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            connection_accept(sandbox, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            pause_listener(sandbox, errno);
            return;
        }
    }
}

static int check_listener(int fd)
{
    int type, protocol;
    socklen_t length = sizeof(type);
    struct sockaddr_storage name;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0)
        return -errno;
    length = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        return -errno;
    if (type != SOCK_STREAM || protocol != IPPROTO_TCP || name.ss_family != AF_INET ||
        ((struct sockaddr_in *)&name)->sin_port == 0)
        return -EINVAL;
    return 0;
}

static void cleanup_sandbox(struct sandbox **sandbox)
{
    if (*sandbox)
        loop_close(&(*sandbox)->proxy->loop, &(*sandbox)->listener);
    free(*sandbox);
}

int sandbox_add(struct proxy *proxy, const struct egress_add *add, int fd)
{
    AUTO_FD int listener = fd;
    if (sandbox_find(proxy, &add->sandbox))
        return -EEXIST;
    if (proxy->sandbox_count >= SANDBOX_MAX_TOTAL)
        return -ENOSPC;
    int error = check_listener(listener);
    if (error)
        return error;
    CLEANUP(cleanup_sandbox) struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (!sandbox)
        return -ENOMEM;
    sandbox->proxy = proxy;
    sandbox->id = sandbox->counters.sandbox = add->sandbox;
    id_format(&sandbox->id, sandbox->id_text);
    sandbox->byte_quota = add->byte_quota;
    sandbox->connection_maximum = add->connection_maximum;
    sandbox->pause.expired = resume;
    sandbox->log_left = EGRESS_LOG_BURST;
    sandbox->listener = (struct watch){.fd = steal_fd(&listener), .ready = on_listener};
    // After a restart of this process the socket comes back silenced (lib/egress_channel.h).
    if (listen(sandbox->listener.fd, BACKLOG) < 0)
        return -errno;
    error = set_nonblocking(sandbox->listener.fd);
    if (!error)
        error = loop_watch(&proxy->loop, &sandbox->listener, EPOLLIN);
    if (error)
        return error;
    sandbox->next = proxy->sandboxes;
    proxy->sandboxes = steal_pointer(&sandbox);
    proxy->sandbox_count++;
    return 0;
}

void sandbox_remove(struct sandbox *sandbox)
{
    struct proxy *proxy = sandbox->proxy;
    while (sandbox->connections)
        connection_close(sandbox->connections);
    // The copies of other processes must not go on listening either; this also ends what waits to be accepted.
    shutdown(sandbox->listener.fd, SHUT_RDWR);
    loop_close(&proxy->loop, &sandbox->listener);
    deadline_clear(&sandbox->pause);
    policy_free(sandbox->policy);
    struct sandbox **link = &proxy->sandboxes;
    while (*link != sandbox)
        link = &(*link)->next;
    *link = sandbox->next;
    proxy->sandbox_count--;
    free(sandbox);
}

unsigned sandbox_set_policy(struct sandbox *sandbox, struct policy *policy)
{
    unsigned closed = 0;
    struct policy *old = sandbox->policy;
    sandbox->policy = policy;
    struct connection *next;
    for (struct connection *connection = sandbox->connections; connection; connection = next) {
        next = connection->next;
        closed += connection_recheck(connection);
    }
    policy_free(old);
    return closed;
}

bool sandbox_over_quota(const struct sandbox *sandbox)
{
    const struct egress_counters *counters = &sandbox->counters;
    return sandbox->byte_quota && counters->bytes_in + counters->bytes_out >= sandbox->byte_quota;
}
