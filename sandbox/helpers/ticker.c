#include "sandbox/helpers/ticker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/tick.h"
#include "sandbox/executor/launch.h"
#include "sandbox/life/sandbox.h"

#define BACKOFF_MS 50u // before the next start, doubled with each failure
#define BACKOFF_MAX_MS 60000u
#define BACKOFF_DOUBLINGS 11u
#define STEADY_US 10000000u // after that time an end is no failure of the start

struct ticker {
    struct service *service;
    bool stopping;
    uid_t host_uid;
    struct watch setup, process, timer;
    int life; // the write end of the pipe that it lives by
    unsigned failures;
    uint64_t started_us;
};

static void let_go(struct ticker *ticker)
{
    cleanup_fd(&ticker->life);
    ticker->life = -1;
}

static void plan_next_start(struct ticker *ticker)
{
    bool steady = sandbox_now_us() - ticker->started_us > STEADY_US;
    ticker->failures = steady ? 0 : ticker->failures + 1;
    unsigned ms = BACKOFF_MS << (ticker->failures < BACKOFF_DOUBLINGS ? ticker->failures : BACKOFF_DOUBLINGS);
    ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
    struct itimerspec time = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}};
    if (timerfd_settime(ticker->timer.fd, 0, &time, NULL) < 0)
        log_error("sandbox-tick is not started again", {"error", strerror(errno)});
}

static void on_process_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    struct ticker *ticker = CONTAINER_OF(watch, struct ticker, process);
    int status = 0;
    int ended = launch_reap(watch->fd, &status);
    if (ended == 0)
        return;
    watch_close(watch);
    watch_close(&ticker->setup);
    let_go(ticker);
    if (ticker->stopping)
        return;
    if (ended < 0) {
        log_error("sandbox-tick can't be waited for and is started again", {"error", strerror(-ended)});
    } else {
        char number[12];
        const char *kind = launch_describe_end(status, number);
        log_error("sandbox-tick has ended and is started again", {kind, number});
    }
    plan_next_start(ticker);
}

static void on_setup(struct watch *watch, uint32_t events)
{
    (void)events;
    struct setup_message message;
    enum setup_event event;
    int fd = -1;
    int error = launch_receive(watch->fd, &event, &message, &fd);
    if (error == -EAGAIN)
        return;
    cleanup_fd(&fd);
    watch_close(watch);
    if (!error && event == SETUP_EVENT_FAILED)
        log_error("sandbox-tick did not start", {"operation", operation_name(message.operation)},
                  {"error", strerror(message.error)});
}

static int spawn(struct ticker *ticker)
{
    struct service *service = ticker->service;
    const struct config *config = service->settings->config;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    int error = plan_tick(plan, &service->host, ticker->host_uid, service->settings->tick_us,
                          config_text(config, CONFIG_LOG_LEVEL), config_text(config, CONFIG_LOG_FORMAT));
    if (error)
        return error;
    AUTO_FD int load = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    int life[2];
    if (load < 0 || pipe2(life, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int theirs = life[0];
    ticker->life = life[1];
    struct launch launch = {.plan = plan,
                            .standard = {service->null_fd, service->null_fd, STDERR_FILENO},
                            .descriptors = {{theirs, TICK_LIFE_FD}, {load, TICK_LOAD_FD}},
                            .descriptor_count = 2};
    struct launched launched;
    error = launch_start(&launch, &launched);
    if (error)
        return error;
    int setup = watch_open(&ticker->setup, service->epoll, launched.setup, EPOLLIN, on_setup);
    error = watch_open(&ticker->process, service->epoll, launched.builder, EPOLLIN, on_process_ended);
    return error ? error : setup;
}

static void start(struct ticker *ticker)
{
    ticker->started_us = sandbox_now_us();
    int error = spawn(ticker);
    if (!error)
        return;
    log_error("sandbox-tick can't be started: beside bombs sandboxes wait longer",
              {"error", strerror(-error)});
    let_go(ticker); // which ends what was started
    if (ticker->process.fd < 0)
        plan_next_start(ticker);
}

static void on_timer(struct watch *watch, uint32_t events)
{
    (void)events;
    struct ticker *ticker = CONTAINER_OF(watch, struct ticker, timer);
    uint64_t expirations;
    if (read(watch->fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations) &&
        !ticker->stopping)
        start(ticker);
}

int ticker_start(struct service *service)
{
    if (service->settings->tick_us == 0)
        return 0;
    struct ticker *ticker = malloc(sizeof(*ticker));
    if (!ticker)
        return -ENOMEM;
    const struct watch closed = WATCH_CLOSED;
    *ticker = (struct ticker){.service = service,
                              .host_uid = service->host.own_uids ? service->settings->uid_base + HOST_UID_TICK
                                                                 : geteuid(),
                              .setup = closed,
                              .process = closed,
                              .timer = closed,
                              .life = -1};
    service->ticker = ticker;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int error = fd < 0 ? -errno : watch_open(&ticker->timer, service->epoll, fd, EPOLLIN, on_timer);
    if (error)
        return error;
    start(ticker);
    return 0;
}

void ticker_stop(struct service *service)
{
    struct ticker *ticker = service->ticker;
    if (!ticker || ticker->stopping)
        return;
    ticker->stopping = true;
    int error = ticker->process.fd >= 0 ? launch_kill(ticker->process.fd, ticker->host_uid) : 0;
    if (error)
        log_error("can't kill sandbox-tick", {"error", strerror(-error)});
    let_go(ticker);
}

bool ticker_gone(const struct service *service)
{
    return !service->ticker || service->ticker->process.fd < 0;
}

void ticker_free(struct service *service)
{
    struct ticker *ticker = service->ticker;
    if (!ticker)
        return;
    watch_close(&ticker->setup);
    watch_close(&ticker->process);
    watch_close(&ticker->timer);
    let_go(ticker);
    free(ticker);
    service->ticker = NULL;
}
