#include "server/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/http.h"
#include "server/reload.h"
#include "server/server.h"
#include "server/viewers.h"

#define STOP_GRACE_US (SECOND_US / 2) // for close frames and answers to get out

struct signals {
    struct server *server;
    int fd;
    struct loop_watch watch;
    struct loop_timer grace;
};

void server_drain(struct server *server, bool drain)
{
    if (server->draining == drain)
        return;
    server->draining = drain;
    if (drain)
        log_info("Draining: sandboxes that run stay, no new one is started");
    else
        log_info("No longer draining");
}

static void on_grace_end(void *data)
{
    loop_stop(((struct signals *)data)->server->loop);
}

static void stop(struct signals *signals)
{
    struct server *server = signals->server;
    if (server->stopping) { // asked twice: at once
        loop_stop(server->loop);
        return;
    }
    log_info("Stopping");
    server->stopping = true;
    listener_free(steal_pointer(&server->web));
    listener_free(steal_pointer(&server->metrics_listener));
    viewers_go_away(server->viewers);
    loop_timer_set(server->loop, &signals->grace, STOP_GRACE_US);
}

static void on_signal(void *data, uint32_t events)
{
    (void)events;
    struct signals *signals = data;
    struct signalfd_siginfo info;
    if (read(signals->fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        reload(signals->server);
    else if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2)
        server_drain(signals->server, info.ssi_signo == SIGUSR1);
    else
        stop(signals);
}

static int open_descriptor(int *ret_fd)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int signals_new(struct server *server, struct signals **ret_signals)
{
    struct signals *signals = calloc(1, sizeof(*signals));
    if (!signals)
        return -ENOMEM;
    *signals = (struct signals){.server = server, .fd = -1};
    signals->watch = (struct loop_watch){.fd = -1, .ready = on_signal, .data = signals};
    signals->grace = (struct loop_timer){.fire = on_grace_end, .data = signals};
    int error = open_descriptor(&signals->fd);
    if (!error)
        error = loop_watch_add(server->loop, &signals->watch, signals->fd, EPOLLIN);
    if (error) {
        signals_free(signals);
        return error;
    }
    *ret_signals = signals;
    return 0;
}

void signals_free(struct signals *signals)
{
    if (!signals)
        return;
    loop_timer_cancel(&signals->grace);
    loop_watch_remove(signals->server->loop, &signals->watch);
    if (signals->fd >= 0)
        close(signals->fd);
    free(signals);
}
