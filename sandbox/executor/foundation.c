#include "sandbox/executor/foundation.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"

#define MAP_MAX 96
#define FDS_MAX 2

// What a helper works on, and the descriptors that it made.
struct work {
    int user; // the namespace that it enters, or -1
    int channel;
    int fds[FDS_MAX];
    size_t count;
};
typedef int work_fn(struct work *work);

static int write_proc(pid_t pid, const char *file, const char *text)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

static void print_map(char map[static MAP_MAX], unsigned own, const struct foundation_ids *ids)
{
    int length = snprintf(map, MAP_MAX, "%u %u 1\n", own, own);
    if (ids->count > 0)
        snprintf(map + length, MAP_MAX - (size_t)length, "%u %u %u\n", ids->first, ids->first, ids->count);
}

static int map_ids(pid_t pid, const struct foundation_ids *ids)
{
    char users[MAP_MAX], groups[MAP_MAX];
    print_map(users, geteuid(), ids);
    print_map(groups, getegid(), ids);
    // Without CAP_SETGID a map of groups is taken only when they are given up.
    int error = ids->count > 0 ? 0 : write_proc(pid, "setgroups", "deny");
    if (!error)
        error = write_proc(pid, "uid_map", users);
    return error ? error : write_proc(pid, "gid_map", groups);
}

// In the new namespaces, once the ids are mapped.
static int build(struct work *work)
{
    char byte;
    AUTO_PACKET struct ipc_packet packet = {0};
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    AUTO_FD int user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    AUTO_FD int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int error = !plan ? -ENOMEM : user < 0 || mounts < 0 ? -errno : plan_foundation(plan);
    if (!error)
        error = ipc_receive(work->channel, &byte, sizeof(byte), &packet);
    if (!error)
        error = launch_work(plan);
    if (error)
        return error;
    work->fds[work->count++] = steal_fd(&user);
    work->fds[work->count++] = steal_fd(&mounts);
    return 0;
}

static int make_network(struct work *work)
{
    if (setns(work->user, CLONE_NEWUSER) < 0)
        return -errno;
    int network = operation_new_network();
    if (network < 0)
        return network;
    work->fds[work->count++] = network;
    return 0;
}

static int wait_for_end(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

// Runs in a process of its own, since one that enters a user namespace does not come back. With `ids` that process begins in new namespaces.
static int run_helper(work_fn *function, struct work *work, const struct foundation_ids *ids, int *ret_fds)
{
    int pair[2], error;
    error = ipc_pair(0, pair);
    if (error)
        return error;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    AUTO_FD int pidfd = -1;
    work->channel = theirs;
    pid_t pid = process_fork(ids ? CLONE_NEWUSER | CLONE_NEWNS : 0, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0) {
        close(ours); // its maker's end is the end of waiting
        error = function(work);
        ipc_send(theirs, &error, sizeof(error), work->fds, error ? 0 : work->count);
        _exit(EXIT_SUCCESS);
    }
    close(steal_fd(&theirs));
    AUTO_PACKET struct ipc_packet packet = {0};
    int told = -EIO;
    error = ids ? map_ids(pid, ids) : 0;
    if (!error && ids)
        error = ipc_send(ours, "", 1, NULL, 0);
    if (!error)
        error = ipc_receive(ours, &told, sizeof(told), &packet);
    close(steal_fd(&ours));
    wait_for_end(pid);
    if (error || told)
        return error ? error : told;
    for (unsigned i = 0; i < packet.fd_count; i++)
        ret_fds[i] = steal_fd(&packet.fds[i]);
    return packet.fd_count > 0 ? 0 : -EPROTO;
}

static int new_network(const struct foundation *foundation, int *ret_network)
{
    struct work work = {.user = foundation->user};
    return run_helper(make_network, &work, NULL, ret_network);
}

int foundation_make(const struct foundation_ids *ids, struct foundation *ret_foundation)
{
    struct work work = {.user = -1};
    int fds[FDS_MAX] = {-1, -1};
    // A process that is not dumpable makes some whose files of /proc are not its own (home/home.c): as long as that one begins.
    int before = prctl(PR_GET_DUMPABLE);
    if (before < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    int error = run_helper(build, &work, ids, fds);
    prctl(PR_SET_DUMPABLE, before == 1);
    if (error)
        return error;
    struct foundation made = {.user = fds[0], .mounts = fds[1]};
    error = new_network(&made, &made.networks[0]);
    if (error) { // nobody could begin in it
        foundation_finish(&made);
        return error;
    }
    made.network_count = 1;
    *ret_foundation = made;
    return 0;
}

void foundation_finish(struct foundation *foundation)
{
    cleanup_fd(&foundation->user);
    cleanup_fd(&foundation->mounts);
    while (foundation->network_count > 0)
        close(foundation->networks[--foundation->network_count]);
    *foundation = FOUNDATION_NONE;
}

int foundation_network(struct foundation *foundation)
{
    return foundation->network_count == 0 ? -1 : foundation->networks[--foundation->network_count];
}

bool foundation_refill(struct foundation *foundation)
{
    if (foundation->user < 0 || foundation->network_count == FOUNDATION_NETWORKS)
        return false;
    if (new_network(foundation, &foundation->networks[foundation->network_count]) < 0)
        return false;
    foundation->network_count++;
    return true;
}
