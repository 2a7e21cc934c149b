#include "sandbox/daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/notify.h"
#include "sandbox/daemon/client.h"
#include "sandbox/helpers/egress.h"
#include "sandbox/helpers/exporter.h"
#include "sandbox/helpers/ticker.h"
#include "sandbox/life/pool.h"
#include "sandbox/life/sandbox.h"

#define ACCEPT_PAUSE_S 1

// What struct sandbox and struct streamer hold, and the service itself with what one start needs besides.
#define DESCRIPTORS_OF_SANDBOX 8
#define DESCRIPTORS_OF_STREAMER 4
#define DESCRIPTORS_FIXED 64

struct daemon {
    struct service service;
    struct watch listener;
    struct watch pause; // of the listener, after a failure that would only repeat
    struct watch signals;
    struct watch watchdog; // closed where nobody waits for it
};

static void on_pause_over(struct watch *watch, uint32_t events)
{
    (void)events;
    struct daemon *daemon = CONTAINER_OF(watch, struct daemon, pause);
    uint64_t expirations;
    if (read(watch->fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations) &&
        daemon->listener.fd >= 0)
        watch_change(&daemon->listener, EPOLLIN);
}

// The client that could not be accepted waits, and keeps the listener readable.
static void pause_listener(struct daemon *daemon)
{
    struct itimerspec pause = {.it_value.tv_sec = ACCEPT_PAUSE_S};
    if (timerfd_settime(daemon->pause.fd, 0, &pause, NULL) == 0)
        watch_change(&daemon->listener, 0);
}

static int open_pause(struct daemon *daemon)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return fd < 0 ? -errno : watch_open(&daemon->pause, daemon->service.epoll, fd, EPOLLIN, on_pause_over);
}

static void on_connection(struct watch *watch, uint32_t events)
{
    (void)events;
    struct daemon *daemon = CONTAINER_OF(watch, struct daemon, listener);
    int socket = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0)
        client_accept(&daemon->service, socket);
    else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        log_error("can't accept a client", {"error", strerror(errno)});
        pause_listener(daemon);
    }
}

static void on_signal(struct watch *watch, uint32_t events)
{
    (void)events;
    struct daemon *daemon = CONTAINER_OF(watch, struct daemon, signals);
    struct signalfd_siginfo info;
    if (read(watch->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    log_info("stopping");
    notify_stopping();
    daemon->service.stopping = true;
    watch_close(&daemon->listener);
    sandbox_stop_all(&daemon->service, STOP_SHUTDOWN);
    exporters_stop(&daemon->service);
}

static int open_signals(struct daemon *daemon)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : watch_open(&daemon->signals, daemon->service.epoll, fd, EPOLLIN, on_signal);
}

static void on_watchdog(struct watch *watch, uint32_t events)
{
    (void)events;
    uint64_t expirations;
    if (read(watch->fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
        notify_alive();
}

static int open_watchdog(struct daemon *daemon)
{
    uint64_t us = notify_watchdog_us();
    struct timespec period = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    struct itimerspec timer = {.it_interval = period, .it_value = period};
    if (us == 0)
        return 0;
    AUTO_FD int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &timer, NULL) < 0)
        return -errno;
    return watch_open(&daemon->watchdog, daemon->service.epoll, steal_fd(&fd), EPOLLIN, on_watchdog);
}

static int open_listener(struct daemon *daemon)
{
    const struct settings *settings = daemon->service.settings;
    if (settings->listener >= 0)
        return watch_open(&daemon->listener, daemon->service.epoll, settings->listener, EPOLLIN,
                          on_connection);
    // A client of another uid needs the mode; SO_PEERCRED decides.
    mode_t mode = settings->client_uid >= 0 ? 0666 : 0600;
    int fd;
    int error = ipc_listen(settings->socket, mode, &fd);
    return error ? error : watch_open(&daemon->listener, daemon->service.epoll, fd, EPOLLIN, on_connection);
}

// The usual soft limit of 1024 is used up by some thirty sandboxes with all their viewers.
static void raise_descriptor_limit(unsigned sandboxes)
{
    rlim_t needed = DESCRIPTORS_FIXED +
                    (rlim_t)sandboxes * (DESCRIPTORS_OF_SANDBOX + VIEWER_MAX * DESCRIPTORS_OF_STREAMER);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return;
    if (limit.rlim_max < needed)
        log_warning("the hard limit of open files is lower than SANDBOX_MAX_PER_NODE sandboxes may need");
    limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("can't raise the limit of open files", {"error", strerror(errno)});
}

static int open_all(struct daemon *daemon)
{
    daemon->service.epoll = epoll_create1(EPOLL_CLOEXEC);
    daemon->service.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (daemon->service.epoll < 0 || daemon->service.null_fd < 0)
        return -errno;
    raise_descriptor_limit(daemon->service.settings->sandbox_maximum);
    int error = open_signals(daemon);
    if (!error)
        error = open_pause(daemon);
    if (!error)
        error = uids_init(&daemon->service.uids, daemon->service.settings->uid_base);
    if (!error)
        error = uids_hold_homes(&daemon->service.uids, daemon->service.settings->storage);
    if (!error)
        error = open_watchdog(daemon);
    if (!error)
        error = egress_start(&daemon->service);
    if (!error)
        error = ticker_start(&daemon->service);
    if (!error)
        error = pool_open(&daemon->service);
    return error ? error : open_listener(daemon);
}

static void daemon_free(struct daemon *daemon)
{
    client_close(&daemon->service);
    pool_close(&daemon->service);
    cgroup_stock_finish(&daemon->service.stock);
    uids_finish(&daemon->service.uids);
    egress_free(&daemon->service);
    ticker_free(&daemon->service);
    watch_close(&daemon->listener);
    watch_close(&daemon->pause);
    watch_close(&daemon->signals);
    watch_close(&daemon->watchdog);
    cleanup_fd(&daemon->service.null_fd);
    cleanup_fd(&daemon->service.epoll);
    free(daemon);
}

static int serve(struct daemon *daemon)
{
    int error = notify_ready();
    if (error < 0)
        return error;
    log_info("serving", {"socket", daemon->service.settings->socket});
    bool busy = true;
    int result = 0; // of the last event
    while (result >= 0 &&
           !(daemon->service.stopping && daemon->service.sandbox_count + daemon->service.parked_count == 0)) {
        pool_run(&daemon->service);
        result = watch_run(daemon->service.epoll, busy ? 0 : -1);
        // Groups are made and removed when nothing else is to do.
        busy = result != 0 || cgroup_stock_tend(&daemon->service.stock);
    }
    egress_stop(&daemon->service);
    ticker_stop(&daemon->service);
    while (result >= 0 && !(egress_gone(&daemon->service) && exporters_gone(&daemon->service) &&
                            ticker_gone(&daemon->service)))
        result = watch_run(daemon->service.epoll, -1);
    return result < 0 ? result : 0;
}

int daemon_run(const struct settings *settings, const struct probe *probe, const struct cgroup_root *cgroups)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    if (!daemon)
        return -ENOMEM;
    const struct watch closed = WATCH_CLOSED;
    daemon->listener = daemon->pause = daemon->signals = daemon->watchdog = closed;
    daemon->service = (struct service){.settings = settings,
                                       .layers = probe->layers,
                                       .host = {.program_dir = settings->program_dir,
                                                .desktop_dir = settings->desktop_dir,
                                                .own_uids = probe->own_uids,
                                                .cgroups = cgroups->backend != CGROUP_NONE,
                                                .landlock = probe->landlock,
                                                .seccomp = probe->seccomp},
                                       .cgroups = *cgroups,
                                       .stock = {.root = &daemon->service.cgroups, .prefix = "s"},
                                       .epoll = -1,
                                       .null_fd = -1};
    int error = open_all(daemon);
    if (!error)
        error = serve(daemon);
    if (error)
        log_error("can't serve", {"error", strerror(-error)}, {"socket", settings->socket});
    daemon_free(daemon);
    return error;
}
