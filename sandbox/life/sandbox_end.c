// How a sandbox ends: everything in it is killed, and the end is told when nothing of it is left (DESIGN.md, "How it ends").

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/log.h"
#include "sandbox/daemon/client.h"
#include "sandbox/executor/launch.h"
#include "sandbox/helpers/egress.h"
#include "sandbox/helpers/streamer.h"
#include "sandbox/life/pool.h"
#include "sandbox/life/sandbox.h"

#define REMOVAL_PAUSE_NS 2000000
#define REMOVALS_MAX 1000u      // two seconds
#define WHOLE_PERCENT 100u      // one processor
#define PATIENCE_NS 2000000000u // with pid 1, which a user's programs may make slow

void sandbox_kill(struct sandbox *sandbox)
{
    cgroup_lift_cpu(&sandbox->service->cgroups, &sandbox->cgroup);
    int error = cgroup_kill(&sandbox->service->cgroups, &sandbox->cgroup);
    if (error && sandbox->init.fd >= 0)
        error = launch_kill(sandbox->init.fd, sandbox->host_uid); // takes its whole pid namespace along
    // It came into the groups as its first step, or never: what it waits for may not come.
    if (sandbox->builder.fd >= 0 && launch_kill(sandbox->builder.fd, sandbox->host_uid) < 0)
        log_error("can't kill the builder of a sandbox");
    if (error && error != -ENOTSUP)
        log_error("can't kill a sandbox", {"error", strerror(-error)});
    watch_close(&sandbox->channel); // sandbox-init ends at the end of its channel as well
}

// Pid 1 kills and reaps the rest and ends: then the kernel has added up what they wrote, which it does not for those that are killed together
// with pid 1. False: it can't be asked.
static bool ask(struct sandbox *sandbox)
{
    if (sandbox->asked)
        return true; // it has its time
    if (sandbox->state != SANDBOX_READY || sandbox->reason == STOP_CRASH || sandbox->init.fd < 0 ||
        sandbox_set_timer(sandbox, PATIENCE_NS) < 0)
        return false;
    sandbox->asked = true;
    // It closes the other end when the rest is killed. Until then the cpu limit holds: what still runs gets no more than before, or one processor,
    // for with less of it pid 1 may not have its turn in time.
    if (sandbox->request.limits.cpu_percent < WHOLE_PERCENT)
        cgroup_grant_cpu(&sandbox->service->cgroups, &sandbox->cgroup);
    if (sandbox->setup.fd >= 0)
        shutdown(sandbox->setup.fd, SHUT_WR);
    if (sandbox->channel.fd >= 0)
        shutdown(sandbox->channel.fd, SHUT_WR);
    return true;
}

void sandbox_only_freed(struct sandbox *sandbox)
{
    if (sandbox->asked)
        cgroup_lift_cpu(&sandbox->service->cgroups, &sandbox->cgroup);
}

void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason)
{
    if (sandbox->reason == STOP_NONE) {
        sandbox->reason = reason;
    } else if (sandbox->again) {
        sandbox->again = false;
        sandbox->reason = reason;
    }
    bool asked = ask(sandbox);
    sandbox->state = SANDBOX_ENDING;
    if (!asked)
        sandbox_kill(sandbox);
    streamer_stop_all(sandbox->service, sandbox);
    egress_leaving(sandbox);
    sandbox_finish(sandbox);
}

void sandbox_stop_all(struct service *service, enum stop_reason reason)
{
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        if (service->sandboxes[i])
            sandbox_stop(service->sandboxes[i], reason);
    }
}

void sandbox_fail(struct sandbox *sandbox, enum start_stage stage, int error)
{
    if (sandbox->reason == STOP_NONE) {
        sandbox->failed_stage = stage;
        sandbox->failed_error = error > 0 ? error : EIO;
    }
    sandbox_stop(sandbox, STOP_START_FAILED);
}

void sandbox_viewer_ended(struct sandbox *sandbox)
{
    sandbox->viewers--;
    if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
}

static void report_end(struct sandbox *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ENDED};
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->request.sandbox, id);
    if (sandbox->reason == STOP_START_FAILED) {
        if (sandbox->failed_error == 0) { // the client's patience was over: what it waited for was the home
            sandbox->failed_stage = START_HOME;
            sandbox->failed_error = ETIMEDOUT;
        }
        message.kind = SANDBOXD_FAILED;
        message.failed = (struct sandboxd_failed){.sandbox = sandbox->request.sandbox,
                                                  .stage = sandbox->failed_stage,
                                                  .error = sandbox->failed_error};
        log_warning("sandbox did not start", {"sandbox", id},
                    {"stage", start_stage_name(sandbox->failed_stage)},
                    {"operation", sandbox->failed_operation ? sandbox->failed_operation : "-"},
                    {"error", strerror(sandbox->failed_error)});
    } else {
        message.ended = (struct sandboxd_ended){.sandbox = sandbox->request.sandbox,
                                                .reason = sandbox->reason,
                                                .status = sandbox->command_status,
                                                .usage = sandbox->usage};
        log_info("sandbox ended", {"sandbox", id}, {"reason", stop_reason_name(sandbox->reason)});
    }
    client_send(sandbox->service, &message, -1);
}

// True when its groups are proven empty; they go when there is time. A group may still be busy for a moment after its last process was reaped.
static bool groups_given_back(struct sandbox *sandbox)
{
    if (sandbox->removals++ == 0)
        sandbox_usage(sandbox, &sandbox->usage);
    int error = cgroup_stock_give_back(&sandbox->service->stock, &sandbox->cgroup);
    if (error == -EBUSY && sandbox->removals < REMOVALS_MAX &&
        sandbox_set_timer(sandbox, REMOVAL_PAUSE_NS) == 0)
        return false;
    if (error)
        log_error("the control groups of an ended sandbox stay", {"error", strerror(-error)});
    return true;
}

void sandbox_finish(struct sandbox *sandbox)
{
    if (sandbox->spawning || sandbox->builder.fd >= 0 || sandbox->setup.fd >= 0 || sandbox->init.fd >= 0 ||
        sandbox->claim.fd >= 0 || sandbox->viewers > 0)
        return;
    if (egress_leaving(sandbox) || !sandbox_builders_gone(sandbox) || !groups_given_back(sandbox))
        return;
    if (sandbox->again) {
        sandbox_start_again(sandbox);
        return;
    }
    egress_usage(sandbox, &sandbox->usage);
    if (sandbox_has_owner(sandbox))
        report_end(sandbox);
    else
        pool_ended(sandbox);
    sandbox_free(sandbox);
}
