#include "sandbox/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/init_channel.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "sandbox/foundation.h"
#include "sandbox/launch.h"
#include "sandbox/process.h"
#include "sandbox/template.h"

#define NAME "sandboxd-spawn"
#define KEPT_MAX (CGROUP_HIERARCHY_COUNT + 5)

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

// What the service holds is none of the spawner's business, least of all the channels of other sandboxes.
static int close_others(const struct spawner_setup *setup, int channel)
{
    int kept[KEPT_MAX] = {0, 1, 2, channel, setup->null_fd};
    size_t count = KEPT_MAX - CGROUP_HIERARCHY_COUNT;
    for (unsigned i = 0; i < CGROUP_HIERARCHY_COUNT; i++) {
        if (setup->cgroups->base[i] >= 0)
            kept[count++] = setup->cgroups->base[i];
    }
    qsort(kept, count, sizeof(kept[0]), ascending);
    for (size_t i = 0; i < count; i++) {
        unsigned first = (unsigned)kept[i] + 1;
        unsigned last = i + 1 < count ? (unsigned)kept[i + 1] - 1 : ~0u;
        if (first <= last && close_range(first, last, 0) < 0)
            return -errno;
    }
    return 0;
}

// What it has for all that it makes.
struct workshop {
    const struct spawner_setup *setup;
    struct plan_host host;
    struct plan plan;
    struct foundation foundation;
    bool tried; // to make it
};

// Made for the first that asks. Where the kernel refuses, everything is built from the host's files, as for a desktop.
static void lay_foundation(struct workshop *workshop)
{
    workshop->tried = true;
    int error = foundation_make(&workshop->setup->ids, &workshop->foundation);
    workshop->host.foundation = !error;
    if (error)
        log_warning("parked sandboxes are built without a foundation", {"error", strerror(-error)});
}

static int build(struct workshop *workshop, const struct spawn_request *request, const int *fds,
                 int *ret_builder)
{
    const struct spawner_setup *setup = workshop->setup;
    const struct sandbox_template_row *template = template_of(request->template_id);
    struct plan *plan = &workshop->plan;
    AUTO_FD int network = -1;
    if (!template->desktop && !workshop->tried)
        lay_foundation(workshop);
    int error = template->plan_parked(plan, &workshop->host, request->host_uid, &request->limits);
    if (!error && !template->desktop && workshop->host.foundation)
        error = foundation_network(&workshop->foundation, &network);
    if (error)
        return error;
    struct launch launch = {
        .plan = plan,
        .standard = {setup->null_fd, setup->null_fd, setup->null_fd},
        .descriptors = {{fds[1], INIT_CHANNEL_FD}},
        .descriptor_count = 1,
        .borrow = workshop->host.foundation && !template->desktop, // where nothing can wait for a file system
        .foundation = {workshop->foundation.user, workshop->foundation.mounts, network},
    };
    struct cgroup cgroup;
    memcpy(cgroup.name, request->cgroup, sizeof(cgroup.name));
    error = cgroup_open_entry(setup->cgroups, &cgroup, &launch.cgroup);
    if (!error)
        error = launch_start_with(&launch, fds[0], CLONE_PARENT, ret_builder);
    cgroup_entry_finish(&launch.cgroup);
    return error;
}

// False when sandboxd is gone.
static bool serve_one(struct workshop *workshop, int channel)
{
    struct spawn_request request;
    AUTO_PACKET struct ipc_packet packet = {0};
    AUTO_FD int builder = -1;
    int error = ipc_receive(channel, &request, sizeof(request), &packet);
    if (!error && packet.length == 1 && *(const char *)&request == SPAWN_DROP)
        return true; // the packet's end closes it
    if (error || packet.length != sizeof(request) || packet.fd_count != 2 ||
        request.template_id >= TEMPLATE_COUNT || memchr(request.cgroup, '\0', sizeof(request.cgroup)) == NULL)
        return false;
    error = build(workshop, &request, packet.fds, &builder);
    struct spawn_answer answer = {.slot = request.slot, .error = -error};
    return ipc_send(channel, &answer, sizeof(answer), &builder, error ? 0 : 1) == 0;
}

__attribute__((noreturn)) static void serve(const struct spawner_setup *setup, int channel)
{
    static struct workshop workshop;
    workshop = (struct workshop){.setup = setup, .host = *setup->host, .foundation = FOUNDATION_NONE};
    prctl(PR_SET_NAME, NAME);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setpgid(0, 0) < 0 || close_others(setup, channel) < 0)
        _exit(EXIT_FAILURE);
    bool busy = true;
    do {
        // Networks are made when nothing else is to do.
        struct pollfd request = {.fd = channel, .events = POLLIN};
        int count = poll(&request, 1, busy ? 0 : -1);
        busy = count != 0 || foundation_refill(&workshop.foundation);
        if (count < 0 && errno != EINTR)
            break;
        if (count > 0 && !serve_one(&workshop, channel))
            break;
    } while (true);
    _exit(EXIT_SUCCESS);
}

int spawner_start(const struct spawner_setup *setup, struct spawner *ret_spawner)
{
    int pair[2];
    int error = ipc_pair(0, pair);
    if (error)
        return error;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    AUTO_FD int pidfd = -1;
    error = set_nonblocking(ours);
    if (error)
        return error;
    pid_t pid = process_fork(0, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0)
        serve(setup, theirs);
    *ret_spawner = (struct spawner){.pidfd = steal_fd(&pidfd), .channel = steal_fd(&ours), .group = pid};
    return 0;
}

int spawner_ask(const struct spawner *spawner, const struct spawn_request *request, int setup, int channel)
{
    const int fds[] = {setup, channel};
    return ipc_send(spawner->channel, request, sizeof(*request), fds, 2);
}

int spawner_drop(const struct spawner *spawner, int fd)
{
    return ipc_send(spawner->channel, (char[]){SPAWN_DROP}, 1, &fd, 1);
}

int spawner_receive(const struct spawner *spawner, struct spawn_answer *ret_answer, int *ret_builder)
{
    struct spawn_answer answer;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(spawner->channel, &answer, sizeof(answer), &packet);
    if (error)
        return error;
    if (packet.length != sizeof(answer) || packet.fd_count != (answer.error ? 0 : 1))
        return -EPROTO;
    *ret_answer = answer;
    *ret_builder = answer.error ? -1 : steal_fd(&packet.fds[0]);
    return 0;
}

bool spawner_reap_group(pid_t group)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG) < 0) {
            if (errno != EINTR)
                return true;
        } else if (info.si_pid == 0) {
            return false;
        }
    }
}
