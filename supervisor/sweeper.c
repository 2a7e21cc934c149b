#include "supervisor/sweeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "supervisor/message.h"

enum {
    WATCHED_MAX = 64,
    ORDERLY_SECONDS = 10, // the programs' own time to end, before SIGKILL
    KILLED_SECONDS = 5,
};

enum message { MESSAGE_WATCH = 1, MESSAGE_DISMISS };

// fds[0] is the channel; the others are pidfds, which become readable when their process has ended.
struct watch {
    struct pollfd fds[1 + WATCHED_MAX];
    nfds_t count;
};

static void forget_ended(struct watch *watch)
{
    for (nfds_t i = watch->count; i-- > 1;) {
        if (!(watch->fds[i].revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        close(watch->fds[i].fd);
        watch->fds[i] = watch->fds[--watch->count];
    }
}

static void add_watched(struct watch *watch, struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd;

    if (!control || control->cmsg_type != SCM_RIGHTS || control->cmsg_len != CMSG_LEN(sizeof(fd)))
        return;
    memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    if (watch->count == 1 + WATCHED_MAX)
        close(fd); // its death signal still ends it
    else
        watch->fds[watch->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

// 0 to go on, 1 when dismissed, -EPIPE when the supervisor is gone.
static int read_channel(struct watch *watch)
{
    uint8_t kind;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &kind, .iov_len = sizeof(kind)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    ssize_t length = recvmsg(watch->fds[0].fd, &message, MSG_CMSG_CLOEXEC);
    if (length < 0)
        return errno == EINTR ? 0 : -errno;
    if (length == 0)
        return -EPIPE;
    if (kind == MESSAGE_DISMISS)
        return 1;
    add_watched(watch, &message);
    return 0;
}

static int follow_supervisor(struct watch *watch)
{
    int result = 0;

    while (result == 0) {
        if (poll(watch->fds, watch->count, -1) < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        forget_ended(watch);
        if (watch->fds[0].revents)
            result = read_channel(watch);
    }
    return result;
}

static void wait_for_ends(struct watch *watch, int seconds)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    long long deadline = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + seconds * 1000LL;
    watch->fds[0].fd = -1; // poll() skips it
    watch->fds[0].revents = 0;
    while (watch->count > 1) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        long long left = deadline - (now.tv_sec * 1000LL + now.tv_nsec / 1000000);
        if (left <= 0 || (poll(watch->fds, watch->count, (int)left) < 0 && errno != EINTR))
            return;
        forget_ended(watch);
    }
}

static void sweep(struct watch *watch, const struct state_dir *state, const struct cgroup *cgroup)
{
    wait_for_ends(watch, ORDERLY_SECONDS);
    for (nfds_t i = 1; i < watch->count; i++)
        pidfd_send_signal(watch->fds[i].fd, SIGKILL, NULL, 0);
    wait_for_ends(watch, KILLED_SECONDS);
    int result = cgroup ? cgroup_remove(cgroup) : 0;
    if (result < 0)
        say("can't remove control group %s (%s): remove it", cgroup->name, strerror(-result));
    result = state_dir_remove_run(state);
    if (result < 0)
        say("can't remove run/ (%s)", strerror(-result));
}

static int run_sweeper(int channel, const struct state_dir *state, const struct cgroup *cgroup)
{
    struct watch watch = {.fds[0] = {.fd = channel, .events = POLLIN}, .count = 1};
    sigset_t all;

    // Signals meant for the supervisor's group or session must not end it early.
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "sandbox-sweeper");
    if (chdir("/") < 0)
        return 1;
    if (follow_supervisor(&watch) > 0)
        return 0;
    sweep(&watch, state, cgroup);
    return 0;
}

int sweeper_start(const struct state_dir *state, const struct cgroup *cgroup, struct sweeper *ret_sweeper)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    AUTO_FD int own_end = ends[0];
    AUTO_FD int child_end = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(steal_fd(&own_end));
        close(state->lock_fd); // a killed supervisor's lock is free at once; the ending lock stays
        _exit(run_sweeper(child_end, state, cgroup));
    }
    *ret_sweeper =
        (struct sweeper){.pid = pid, .channel = steal_fd(&own_end), .state = state, .cgroup = cgroup};
    return 0;
}

int sweeper_renew(struct sweeper *sweeper)
{
    close(sweeper->channel);
    sweeper->channel = -1;
    sweeper->pid = 0;
    return sweeper_start(sweeper->state, sweeper->cgroup, sweeper);
}

int sweeper_watch(const struct sweeper *sweeper, pid_t pid)
{
    uint8_t kind = MESSAGE_WATCH;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &kind, .iov_len = sizeof(kind)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    AUTO_FD int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return -errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(pidfd));
    memcpy(CMSG_DATA(header), &pidfd, sizeof(pidfd));
    return sendmsg(sweeper->channel, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void sweeper_dismiss(struct sweeper *sweeper)
{
    uint8_t kind = MESSAGE_DISMISS;

    if (sweeper->pid <= 0)
        return;
    if (send(sweeper->channel, &kind, sizeof(kind), MSG_NOSIGNAL) < 0)
        kill(sweeper->pid, SIGKILL);
    while (waitpid(sweeper->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(sweeper->channel);
    *sweeper = (struct sweeper){.channel = -1};
}
