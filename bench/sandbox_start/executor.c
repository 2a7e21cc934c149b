#include "bench/sandbox_start/executor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parked/direct.h"
#include "sandbox/executor/launch.h"
#include "sandbox/executor/probe.h"

#define UID 1900000000u

static const char *const program[] = {DIRECT_PROGRAM, NULL};
static const struct sandbox_limits limits = {.memory_mb = 256, .cpu_percent = 100, .pids = 64};

static bool wait_for_end(int setup, int builder)
{
    int init = -1, status = -1;
    for (;;) {
        struct setup_message message;
        enum setup_event event;
        int pidfd = -1;
        struct pollfd ready = {.fd = setup, .events = POLLIN};
        poll(&ready, 1, -1);
        int error = launch_receive(setup, &event, &message, &pidfd);
        if (error == -EAGAIN)
            continue;
        if (error || event == SETUP_EVENT_EXECUTED)
            break;
        if (event == SETUP_EVENT_STARTED)
            init = pidfd;
        else if (pidfd >= 0)
            close(pidfd);
        if (event == SETUP_EVENT_ENDED)
            status = message.status;
        if (event == SETUP_EVENT_FAILED)
            fprintf(stderr, "%s: %s\n", operation_name(message.operation), strerror(message.error));
    }
    siginfo_t info;
    waitid(P_PIDFD, (id_t)builder, &info, WEXITED);
    if (init >= 0)
        waitid(P_PIDFD, (id_t)init, &info, WEXITED);
    close(setup);
    close(builder);
    close(init);
    return status == 0;
}

static bool make_group(const struct cgroup_root *cgroups, struct cgroup *ret_cgroup,
                       struct cgroup_entry *ret_entry)
{
    return cgroup_make(cgroups, "run-bench", &limits, ret_cgroup) == 0 &&
           cgroup_open_entry(cgroups, ret_cgroup, ret_entry) == 0;
}

bool executor_run(const struct executor *executor)
{
    struct launch launch = {.plan = &executor->plan, .standard = {0, 1, 2}, .borrow = true};
    const struct cgroup_root *cgroups = &executor->cgroups;
    struct cgroup cgroup = {0};
    struct launched launched;
    // As sandbox-run does it.
    launch.cgroup_follows = cgroups->backend == CGROUP_HYBRID;
    if (!launch.cgroup_follows && !make_group(cgroups, &cgroup, &launch.cgroup))
        return false;
    if (launch_start(&launch, &launched) < 0)
        return false;
    if (launch.cgroup_follows &&
        (!make_group(cgroups, &cgroup, &launch.cgroup) || launch_join(launched.setup, &launch.cgroup) < 0))
        return false;
    cgroup_entry_finish(&launch.cgroup);
    bool ended = wait_for_end(launched.setup, launched.builder);
    while (cgroup_remove(cgroups, &cgroup) == -EBUSY)
        poll(NULL, 0, 1);
    return ended;
}

bool executor_prepare(struct executor *executor, FILE *layers)
{
    struct probe probe;
    if (cgroup_root_for_command(&executor->cgroups) < 0)
        return false;
    probe_ask(&executor->cgroups, UID, &(struct plan_command){.profile = PROFILE_CODE}, &probe);
    struct plan_host host = {.own_uids = probe.own_uids,
                             .cgroups = executor->cgroups.backend != CGROUP_NONE,
                             .landlock = probe.landlock,
                             .seccomp = probe.seccomp};
    struct plan_command command = {.profile = PROFILE_CODE, .limits = limits, .words = program};
    if (layers)
        probe_print(&probe, layers);
    return plan_command(&executor->plan, &host, &command, UID) == 0;
}

void executor_leave_out(struct executor *executor, const enum operation_kind *kinds, size_t count)
{
    struct plan *plan = &executor->plan;
    size_t kept = 0;
    for (size_t i = 0; i < plan->count; i++) {
        bool left_out = false;
        for (size_t k = 0; k < count; k++)
            left_out |= plan->operations[i].kind == kinds[k];
        if (!left_out)
            plan->operations[kept++] = plan->operations[i];
    }
    plan->count = kept;
}
