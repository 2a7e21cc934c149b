#include "sandbox/executor/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/init_channel.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "sandbox/executor/foundation.h"
#include "sandbox/executor/host_files.h"
#include "sandbox/executor/launch.h"
#include "sandbox/executor/process.h"
#include "sandbox/life/template.h"

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
    int foundation_error;
    int inotify;                    // tells that the host's files may be others; -1: each start looks
    uint64_t files[TEMPLATE_COUNT]; // what sandboxes are made from (host_files.h)
    bool looked;
};

// Made for the first that asks. Where the kernel refuses, everything is built from the host's files, as for a desktop.
static void lay_foundation(struct workshop *workshop)
{
    workshop->tried = true;
    int error = foundation_make(&workshop->setup->ids, &workshop->foundation);
    workshop->host.foundation = !error;
    workshop->foundation_error = -error;
    if (error)
        log_warning("sandboxes for commands have no foundation and start slower: a filter of system calls or "
                    "a security module refuses it; see sandboxctl doctor",
                    {"error", strerror(-error)});
}

// Those that were made from it go on.
static void give_up_foundation(struct workshop *workshop)
{
    foundation_finish(&workshop->foundation);
    workshop->tried = workshop->host.foundation = false;
    workshop->foundation_error = 0;
}

// What the sandboxes of a template show of the host, whether by a foundation or not.
static int plan_files(struct workshop *workshop, unsigned template_id)
{
    static const struct sandbox_limits any = {.memory_mb = 1, .cpu_percent = 1, .pids = 1};
    struct plan_host host = workshop->host;
    host.foundation = false;
    return template_of(template_id)->plan_parked(&workshop->plan, &host, 0, &any);
}

static void stop_watching(struct workshop *workshop, int error)
{
    cleanup_fd(&workshop->inotify);
    workshop->inotify = -1;
    log_warning("the host's files can't be watched; each start looks at them instead",
                {"error", strerror(-error)});
}

static void watch_files(struct workshop *workshop)
{
    int error = workshop->inotify < 0 ? 0 : host_files_watch(workshop->inotify, &workshop->plan);
    if (error)
        stop_watching(workshop, error);
}

// Tells sandboxd when what a template is made from is no longer what it was.
static int look_at_files(struct workshop *workshop, int channel)
{
    if (workshop->inotify >= 0)
        host_files_told(workshop->inotify);
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        int error = plan_files(workshop, i);
        if (error)
            return error;
        watch_files(workshop); // first, so that nothing changes unseen
        uint64_t files = host_files_identity(&workshop->plan);
        if (workshop->looked && files == workshop->files[i])
            continue;
        workshop->files[i] = files;
        if (!template_of(i)->desktop)
            give_up_foundation(workshop);
        struct spawn_answer news = {.slot = SPAWN_NO_SLOT,
                                    .template_id = i,
                                    .foundation_error = workshop->foundation_error,
                                    .files = files};
        error = ipc_send(channel, &news, sizeof(news), NULL, 0);
        if (error)
            return error;
    }
    workshop->looked = true;
    return 0;
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
        network = foundation_network(&workshop->foundation);
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
    if (workshop->inotify < 0 && look_at_files(workshop, channel) < 0)
        return false;
    error = build(workshop, &request, packet.fds, &builder);
    struct spawn_answer answer = {.slot = request.slot,
                                  .error = -error,
                                  .template_id = request.template_id,
                                  .foundation_error = workshop->foundation_error};
    return ipc_send(channel, &answer, sizeof(answer), &builder, error ? 0 : 1) == 0;
}

__attribute__((noreturn)) static void serve(const struct spawner_setup *setup, int channel)
{
    static struct workshop workshop;
    workshop = (struct workshop){.setup = setup, .host = *setup->host, .foundation = FOUNDATION_NONE};
    prctl(PR_SET_NAME, NAME);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setpgid(0, 0) < 0 || close_others(setup, channel) < 0)
        _exit(EXIT_FAILURE);
    workshop.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (workshop.inotify < 0)
        stop_watching(&workshop, -errno);
    bool busy = true, goes_on = look_at_files(&workshop, channel) == 0;
    while (goes_on) {
        // Networks are made when nothing else is to do.
        struct pollfd told[] = {{.fd = channel, .events = POLLIN},
                                {.fd = workshop.inotify, .events = POLLIN}};
        int count = poll(told, 2, busy ? 0 : -1);
        busy = count != 0 || foundation_refill(&workshop.foundation);
        goes_on = count >= 0 || errno == EINTR;
        if (count > 0 && told[1].revents) // before anything else is made from them
            goes_on = look_at_files(&workshop, channel) == 0;
        if (goes_on && count > 0 && told[0].revents)
            goes_on = serve_one(&workshop, channel);
    }
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
    if (packet.length != sizeof(answer) ||
        packet.fd_count != (answer.error || answer.slot == SPAWN_NO_SLOT ? 0 : 1) ||
        answer.template_id >= TEMPLATE_COUNT)
        return -EPROTO;
    *ret_answer = answer;
    *ret_builder = steal_fd(&packet.fds[0]);
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
