// sandbox-egress: what the sandboxes of this machine may reach, and nothing else (DESIGN.md).

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "egress/confinement.h"
#include "egress/control.h"
#include "egress/sandbox.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/log.h"

static const uint32_t deadline_lengths[DEADLINE_KIND_COUNT] = {
    [DEADLINE_HEAD] = EGRESS_HEAD_MS,
    [DEADLINE_RESOLVE] = EGRESS_RESOLVE_MS,
    [DEADLINE_CONNECT] = EGRESS_CONNECT_MS,
    [DEADLINE_IDLE] = EGRESS_IDLE_MS,
    [DEADLINE_KEEP_ALIVE] = EGRESS_KEEP_ALIVE_MS,
    [DEADLINE_LINGER] = EGRESS_LINGER_MS,
    [DEADLINE_PAUSE] = EGRESS_PAUSE_MS,
};

static int give_up(const char *what, int error)
{
    log_error(what, {"error", strerror(-error)});
    return EXIT_FAILURE;
}

static bool is_channel(int fd)
{
    int type;
    socklen_t length = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

// Two sockets and two pipes at most for each connection, and what isn't a connection.
static unsigned connection_maximum(void)
{
    unsigned descriptors = confinement_descriptors(), others = SANDBOX_MAX_TOTAL + 128;
    return descriptors > others ? (descriptors - others) / 6 : 1;
}

static int proxy_init(struct proxy *proxy)
{
    *proxy = (struct proxy){.connection_maximum = connection_maximum()};
    int error = loop_init(&proxy->loop);
    if (!error)
        error = deadlines_init(&proxy->deadlines, &proxy->loop, deadline_lengths);
    return error ? error : resolver_new(&proxy->loop, &proxy->resolver);
}

static void proxy_finish(struct proxy *proxy)
{
    while (proxy->sandboxes)
        sandbox_remove(proxy->sandboxes);
    resolver_free(proxy->resolver);
    pipes_finish(&proxy->pipes);
    deadlines_finish(&proxy->deadlines);
    loop_finish(&proxy->loop);
}

static int serve(void)
{
    static struct proxy proxy;
    static struct control control;
    const char *problem;
    int error = proxy_init(&proxy);
    if (error)
        return give_up("the proxy can't be set up", error);
    error = confinement_of_proxy(&problem);
    if (error)
        return give_up(problem, error);
    error = set_nonblocking(EGRESS_CHANNEL_FD);
    if (error)
        return give_up("the channel can't be used", error);
    error = control_start(&control, &proxy, EGRESS_CHANNEL_FD);
    if (!error)
        error = loop_run(&proxy.loop);
    control_finish(&control);
    proxy_finish(&proxy);
    return error ? give_up("the proxy has failed", error) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *level = getenv("LOG_LEVEL"), *format = getenv("LOG_FORMAT");
    bool quiet = level && (strcmp(level, "error") == 0 || strcmp(level, "warning") == 0);
    bool resolver = argc == 2 && strcmp(argv[1], "--resolver") == 0;
    tzset(); // the log's time conversion would open the zone file on first use, when no file can be opened any more
    signal(SIGPIPE, SIG_IGN);
    log_open("sandbox-egress", quiet ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
             format && strcmp(format, "json") == 0);
    if ((argc != 1 && !resolver) || !is_channel(EGRESS_CHANNEL_FD)) {
        log_error("sandbox-egress is started by sandboxd, with its channel, and takes no argument");
        return EXIT_FAILURE;
    }
    return resolver ? resolver_work() : serve();
}
