// A sandbox that is built before it has an owner.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "sandbox/executor/spawner.h"
#include "sandbox/life/sandbox.h"

#define BUILDERS_PAUSE_NS 2000000

static void cleanup_sandbox(struct sandbox **sandbox)
{
    sandbox_free(*sandbox);
}

int sandbox_spawn(struct sandbox *sandbox, const struct spawner *spawner, const struct sandbox_limits *limits,
                  int channel, int theirs)
{
    AUTO_FD int ours = channel;
    int pair[2];
    int error = ipc_pair(0, pair);
    if (error)
        return error;
    AUTO_FD int setup = pair[0];
    AUTO_FD int setup_theirs = pair[1];
    error = set_nonblocking(setup);
    if (error)
        return error;
    struct spawn_request request = {.slot = sandbox->slot,
                                    .template_id = sandbox->request.template_id,
                                    .host_uid = sandbox->host_uid,
                                    .limits = *limits};
    memcpy(request.cgroup, sandbox->cgroup.name, sizeof(request.cgroup));
    error = sandbox_watch(sandbox, steal_fd(&setup), -1, steal_fd(&ours));
    if (!error)
        error = spawner_ask(spawner, &request, setup_theirs, theirs);
    sandbox->spawning = !error;
    return error;
}

int sandbox_park(struct service *service, const struct spawner *spawner, unsigned template_id,
                 const struct sandbox_limits *limits)
{
    struct sandboxd_create request = {.template_id = template_id, .limits = *limits};
    CLEANUP(cleanup_sandbox) struct sandbox *sandbox = sandbox_new(service, &request);
    if (!sandbox)
        return -ENOMEM;
    sandbox->parked = true;
    sandbox->state = SANDBOX_BUILDING;
    enum start_stage stage;
    int ours;
    AUTO_FD int theirs = -1;
    int error = sandbox_take_uid(sandbox);
    if (!error)
        error = sandbox_prepare(sandbox, limits, &ours, &theirs, &stage);
    if (!error)
        error = sandbox_spawn(sandbox, spawner, &service->settings->limits, ours, theirs);
    if (error)
        return error;
    sandbox_enter(sandbox);
    steal_pointer(&sandbox);
    return 0;
}

void sandbox_spawned(struct sandbox *sandbox, int builder, int error)
{
    sandbox->spawning = false;
    if (!error)
        error = -sandbox_watch_builder(sandbox, builder);
    if (error)
        sandbox_fail(sandbox, START_NAMESPACES, error);
    else if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
}

void sandbox_spawn_lost(struct sandbox *sandbox, pid_t group)
{
    sandbox->spawning = false;
    sandbox->lost_builders = group;
    sandbox_fail(sandbox, START_NAMESPACES, EIO);
}

bool sandbox_builders_gone(struct sandbox *sandbox)
{
    if (sandbox->lost_builders == 0)
        return true;
    if (!spawner_reap_group(sandbox->lost_builders) && sandbox_set_timer(sandbox, BUILDERS_PAUSE_NS) == 0)
        return false;
    sandbox->lost_builders = 0;
    return true;
}
