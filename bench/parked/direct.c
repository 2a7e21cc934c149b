#include "bench/parked/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/init_channel.h"
#include "sandbox/executor/probe.h"

#define UID 1900000000u

static const struct sandbox_limits parked_limits = {.memory_mb = 8, .cpu_percent = 50, .pids = 16};
static const struct sandbox_limits owner_limits = {.memory_mb = 256, .cpu_percent = 100, .pids = 64};

uint64_t direct_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int direct_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double direct_spawn(void)
{
    extern char **environ;
    char *const words[] = {(char *)DIRECT_PROGRAM, NULL};
    pid_t pid;
    int status = 1;
    uint64_t began = direct_now_ns();
    if (posix_spawn(&pid, DIRECT_PROGRAM, NULL, NULL, words, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        exit(EXIT_FAILURE);
    return (double)(direct_now_ns() - began) / 1e6;
}

__attribute__((noreturn)) static void give_up(const char *step, int error)
{
    fprintf(stderr, "%s: %s\n", step, strerror(-error));
    exit(EXIT_FAILURE);
}

void direct_prepare(struct direct *direct, bool foundation)
{
    static const struct foundation_ids ids = {.first = UID, .count = 1};
    struct probe probe;
    if (cgroup_root_for_command(&direct->cgroups) < 0)
        exit(EXIT_FAILURE);
    probe_ask(&direct->cgroups, UID, &(struct plan_command){.profile = PROFILE_CODE}, &probe);
    struct plan_host host = {.own_uids = probe.own_uids,
                             .cgroups = direct->cgroups.backend != CGROUP_NONE,
                             .landlock = probe.landlock,
                             .seccomp = probe.seccomp};
    direct->foundation = FOUNDATION_NONE;
    direct->mounts = -1;
    host.foundation = foundation;
    int error = foundation ? foundation_make(&ids, &direct->foundation) : 0;
    if (error)
        give_up("foundation", error);
    direct->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (plan_waiting(&direct->plan, &host, UID, &owner_limits) < 0)
        exit(EXIT_FAILURE);
}

static enum setup_event expect(struct direct *direct, int *ret_status, int *ret_fd)
{
    struct setup_message message = {0};
    enum setup_event event;
    struct pollfd ready = {.fd = direct->setup, .events = POLLIN};
    *ret_fd = -1;
    while (launch_receive(direct->setup, &event, &message, ret_fd) == -EAGAIN)
        poll(&ready, 1, -1);
    if (event == SETUP_EVENT_FAILED)
        fprintf(stderr, "%s: %s\n", operation_name(message.operation), strerror(message.error));
    *ret_status = message.status;
    return event;
}

void direct_park(struct direct *direct, const char *name)
{
    int pair[2], status, fd;
    int network = -1;
    struct launched launched;
    int error;
    if (direct->foundation.user >= 0)
        network = foundation_network(&direct->foundation);
    if (direct->stock)
        error = cgroup_stock_take(direct->stock, &parked_limits, &direct->cgroup);
    else
        error = cgroup_make(&direct->cgroups, name, &parked_limits, &direct->cgroup);
    if (!error)
        error = ipc_pair(0, pair);
    if (error)
        give_up("group", error);
    struct launch launch = {
        .plan = &direct->plan,
        .standard = {direct->null_fd, direct->null_fd, direct->null_fd},
        .descriptors = {{pair[1], INIT_CHANNEL_FD}},
        .descriptor_count = 1,
        .borrow = direct->foundation.user >= 0,
        .foundation = {direct->foundation.user, direct->foundation.mounts, network},
    };
    error = cgroup_open_entry(&direct->cgroups, &direct->cgroup, &launch.cgroup);
    if (!error)
        error = launch_start(&launch, &launched);
    if (error)
        give_up("launch", error);
    cgroup_entry_finish(&launch.cgroup);
    if (network >= 0)
        close(network);
    close(pair[1]);
    direct->channel = pair[0];
    direct->setup = launched.setup;
    // Who has made it tells STARTED, and may come to that after it runs.
    direct->init = -1;
    for (bool running = false; !running || direct->init < 0;) {
        enum setup_event event = expect(direct, &status, &fd);
        if (event == SETUP_EVENT_FAILED || event == SETUP_EVENT_EXECUTED)
            give_up("start", -EIO);
        if (event == SETUP_EVENT_STARTED) {
            direct->init = fd;
        } else if (event == SETUP_EVENT_RUNNING) {
            direct->mounts = fd;
            running = true;
        } else if (fd >= 0) {
            close(fd);
        }
    }
    siginfo_t info;
    waitid(P_PIDFD, (id_t)launched.builder, &info, WEXITED);
    close(launched.builder);
}

void direct_clean(struct direct *direct)
{
    siginfo_t info;
    if (!direct->stock) // else they go when there is time
        close(steal_fd(&direct->mounts));
    waitid(P_PIDFD, (id_t)direct->init, &info, WEXITED);
    close(direct->init);
    close(direct->setup);
    close(direct->channel);
    while ((direct->stock ? cgroup_stock_give_back(direct->stock, &direct->cgroup)
                          : cgroup_remove(&direct->cgroups, &direct->cgroup)) == -EBUSY)
        poll(NULL, 0, 1);
}

void direct_stock(struct direct *direct, const char *prefix, struct cgroup_stock *stock)
{
    *stock = (struct cgroup_stock){
        .root = &direct->cgroups, .prefix = prefix, .limits = parked_limits, .wanted = CGROUP_STOCK_READY};
    direct->stock = stock;
}

void direct_tend(struct direct *direct)
{
    cleanup_fd(&direct->mounts);
    direct->mounts = -1;
    while ((!direct->fresh_network && foundation_refill(&direct->foundation)) ||
           cgroup_stock_tend(direct->stock))
        ;
}

// From the claim to the end of the command, which is what waitpid tells of posix_spawn.
void direct_claim(struct direct *direct, bool limits)
{
    struct init_message message = {.kind = INIT_RUN, .run = {.count = 1, .length = sizeof(DIRECT_PROGRAM)}};
    int status, fd;
    memcpy(message.run.text, DIRECT_PROGRAM, sizeof(DIRECT_PROGRAM));
    if (limits && cgroup_set_limits(&direct->cgroups, &direct->cgroup, &owner_limits) < 0)
        exit(EXIT_FAILURE);
    if (init_message_send(direct->channel, &message, INIT_SIDE_SANDBOXD, -1) < 0 ||
        expect(direct, &status, &fd) != SETUP_EVENT_ENDED || status != 0)
        give_up("claim", -EIO);
}
