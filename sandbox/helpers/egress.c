#include "sandbox/helpers/egress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "sandbox/executor/launch.h"

#define START_MS 10000u // from its start to READY
#define ANSWER_MS 5000u // without anything read or answered
#define COUNT_MS 10000u // a proxy that dies takes at most so much of the counters along
#define BACKOFF_MS 50u  // before the next start, doubled with each failure
#define BACKOFF_MAX_MS 5000u
#define STEADY_US 10000000u // after that time an end is no failure of the start
#define REMOVAL_PAUSE_MS 2u
#define REMOVALS_MAX 1000u

// Its pipes and the kernel's buffers of some thousand connections.
static const struct sandbox_limits group_limits = {.memory_mb = 1024, .cpu_percent = 400, .pids = 32};

static void set_timer(struct egress *egress, unsigned ms)
{
    struct itimerspec time = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}};
    if (timerfd_settime(egress->timer.fd, 0, &time, NULL) < 0)
        log_error("a deadline can't be set", {"error", strerror(errno)});
}

void egress_progress(struct egress *egress)
{
    if (egress->state != EGRESS_UP)
        return;
    bool waiting = egress->blocked || egress->unanswered > 0;
    set_timer(egress, waiting ? ANSWER_MS : egress->service->sandbox_count > 0 ? COUNT_MS : 0);
}

static void kill_process(struct egress *egress)
{
    int error = cgroup_kill(&egress->service->cgroups, &egress->cgroup);
    if (error && egress->process.fd >= 0)
        error = launch_kill(egress->process.fd, egress->host_uid);
    if (error && error != -ENOTSUP)
        log_error("can't kill sandbox-egress", {"error", strerror(-error)});
}

void egress_give_up(struct egress *egress, const char *why)
{
    if (egress->state != EGRESS_STARTING && egress->state != EGRESS_UP)
        return;
    if (!egress->stopping)
        log_error("sandbox-egress is killed, to be started again", {"why", why});
    egress->state = EGRESS_KILLED;
    set_timer(egress, 0);
    watch_close(&egress->channel);
    kill_process(
        egress); // what it knew is forgotten when it is reaped: the caller may be in the middle of a sandbox
}

// A group that was killed kills whatever is born in it from then on (Linux 6.18), so each start has a new one.
static bool group_removed(struct egress *egress)
{
    int error = cgroup_remove(&egress->service->cgroups, &egress->cgroup);
    if (error == -EBUSY && ++egress->removals < REMOVALS_MAX) {
        set_timer(egress, REMOVAL_PAUSE_MS);
        return false;
    }
    if (error)
        log_error("the control group of sandbox-egress stays", {"error", strerror(-error)});
    egress->cgroup.name[0] = '\0';
    return true;
}

static void plan_next_start(struct egress *egress)
{
    unsigned ms = BACKOFF_MS << (egress->failures < 7 ? egress->failures : 7);
    set_timer(egress, ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
}

static void ended(struct egress *egress)
{
    bool steady = sandbox_now_us() - egress->started_us > STEADY_US;
    egress->failures = steady ? 0 : egress->failures + 1;
    watch_close(&egress->channel);
    watch_close(&egress->setup);
    egress->state = EGRESS_DOWN;
    kill_process(egress); // its resolvers, where a group holds them
    egress_forget(egress);
    egress->removals = 0;
    if (!egress->stopping)
        plan_next_start(egress);
    else
        group_removed(egress);
}

static void on_process_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    struct egress *egress = CONTAINER_OF(watch, struct egress, process);
    int status = 0;
    int reaped = launch_reap(watch->fd, &status);
    if (reaped == 0)
        return;
    watch_close(watch);
    if (reaped < 0) {
        log_error("sandbox-egress can't be waited for: no sandbox reaches a network until it runs again",
                  {"error", strerror(-reaped)});
    } else if (egress->state != EGRESS_KILLED && !egress->stopping) {
        char number[12];
        const char *kind = launch_describe_end(status, number);
        log_error("sandbox-egress has ended and is started again: no sandbox reaches a network meanwhile",
                  {kind, number});
    }
    ended(egress);
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
        log_error("sandbox-egress did not start", {"operation", operation_name(message.operation)},
                  {"error", strerror(message.error)});
}

static void on_channel(struct watch *watch, uint32_t events)
{
    struct egress *egress = CONTAINER_OF(watch, struct egress, channel);
    struct egress_message buffer, message;
    AUTO_PACKET struct ipc_packet packet = {0};
    if (events & EPOLLOUT) {
        egress->blocked = false;
        egress_sync(egress);
        return;
    }
    int error = ipc_receive(watch->fd, &buffer, sizeof(buffer), &packet);
    if (error == -EAGAIN)
        return;
    if (!error)
        error = egress_message_decode(&buffer, packet.length, packet.fd_count, EGRESS_SIDE_EGRESS, &message);
    if (!error && egress->state == EGRESS_STARTING) {
        if (message.kind != EGRESS_READY || message.ready.version != EGRESS_CHANNEL_VERSION)
            error = -EPROTO;
        else {
            egress->state = EGRESS_UP;
            log_info("sandbox-egress serves");
            egress_sync(egress);
        }
    } else if (!error) {
        error = egress_handle(egress, &message);
    }
    if (error)
        egress_give_up(egress, error == -ECONNRESET ? "it has closed its channel" : "it broke the protocol");
}

static int watch_all(struct egress *egress, const struct launched *launched, int channel)
{
    int epoll = egress->service->epoll;
    int error = watch_open(&egress->setup, epoll, launched->setup, EPOLLIN, on_setup);
    int result = watch_open(&egress->process, epoll, launched->builder, EPOLLIN, on_process_ended);
    error = error ? error : result;
    result = watch_open(&egress->channel, epoll, channel, EPOLLIN, on_channel);
    return error ? error : result;
}

static int join_group(struct egress *egress, struct launch *launch)
{
    struct service *service = egress->service;
    char name[CGROUP_NAME_MAX];
    snprintf(name, sizeof(name), "e%u", egress->starts++);
    int error = cgroup_make(&service->cgroups, name, &group_limits, &egress->cgroup);
    if (error)
        return error;
    return cgroup_open_entry(&service->cgroups, &egress->cgroup, &launch->cgroup);
}

static int spawn(struct egress *egress)
{
    struct service *service = egress->service;
    const struct config *config = service->settings->config;
    int channel[2];
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    int error = plan_egress(plan, &service->host, egress->host_uid, config_text(config, CONFIG_LOG_LEVEL),
                            config_text(config, CONFIG_LOG_FORMAT));
    if (!error)
        error = ipc_pair(SOCK_NONBLOCK, channel);
    if (error)
        return error;
    AUTO_FD int ours = channel[0];
    AUTO_FD int theirs = channel[1];
    ipc_refuse_fds(ours);
    struct launch launch = {.plan = plan,
                            .standard = {service->null_fd, service->null_fd, STDERR_FILENO},
                            .descriptors = {{theirs, EGRESS_CHANNEL_FD}},
                            .descriptor_count = 1};
    error = join_group(egress, &launch);
    struct launched launched;
    if (!error)
        error = launch_start(&launch, &launched);
    cgroup_entry_finish(&launch.cgroup);
    return error ? error : watch_all(egress, &launched, steal_fd(&ours));
}

static void start(struct egress *egress)
{
    egress->started_us = sandbox_now_us();
    egress->state = EGRESS_STARTING;
    egress->unanswered = 0;
    egress->blocked = false;
    set_timer(egress, START_MS);
    int error = spawn(egress);
    if (!error)
        return;
    log_error("sandbox-egress can't be started: no sandbox reaches a network", {"error", strerror(-error)});
    if (egress->process.fd >= 0) {
        egress_give_up(egress, strerror(-error));
        return;
    }
    ended(egress);
}

static void on_timer(struct watch *watch, uint32_t events)
{
    (void)events;
    struct egress *egress = CONTAINER_OF(watch, struct egress, timer);
    uint64_t expirations;
    if (read(watch->fd, &expirations, sizeof(expirations)) != (ssize_t)sizeof(expirations))
        return;
    bool idle = egress->unanswered == 0 && !egress->blocked;
    if (egress->state == EGRESS_UP && idle)
        egress_count_all(egress);
    else if (egress->state != EGRESS_DOWN)
        egress_give_up(egress,
                       egress->state == EGRESS_STARTING ? "it does not get ready" : "it does not answer");
    else if (group_removed(egress) && !egress->stopping)
        start(egress);
}

int egress_start(struct service *service)
{
    struct egress *egress = calloc(1, sizeof(*egress));
    if (!egress)
        return -ENOMEM;
    const struct watch closed = WATCH_CLOSED;
    *egress = (struct egress){
        .service = service,
        .host_uid = service->host.own_uids ? service->settings->uid_base + HOST_UID_EGRESS : geteuid(),
        .setup = closed,
        .process = closed,
        .channel = closed,
        .timer = closed};
    service->egress = egress;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int error = fd < 0 ? -errno : watch_open(&egress->timer, service->epoll, fd, EPOLLIN, on_timer);
    if (error)
        return error;
    start(egress);
    return 0;
}

void egress_stop(struct service *service)
{
    struct egress *egress = service->egress;
    if (!egress || egress->stopping)
        return;
    egress->stopping = true;
    if (egress->state == EGRESS_DOWN)
        group_removed(egress);
    else
        egress_give_up(egress, "the service stops");
}

bool egress_gone(const struct service *service)
{
    const struct egress *egress = service->egress;
    return !egress || (egress->state == EGRESS_DOWN && !egress->cgroup.name[0]);
}

void egress_free(struct service *service)
{
    struct egress *egress = service->egress;
    if (!egress)
        return;
    if (egress->process.fd >= 0)
        kill_process(egress);
    watch_close(&egress->setup);
    watch_close(&egress->process);
    watch_close(&egress->channel);
    watch_close(&egress->timer);
    network_policy_unref(egress->sending.policy);
    free(egress);
    service->egress = NULL;
}
