#include "sandbox/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "sandbox/client.h"
#include "sandbox/egress.h"
#include "sandbox/launch.h"
#include "sandbox/streamer.h"

#define REMOVAL_PAUSE_NS 2000000
#define REMOVALS_MAX 1000u // two seconds

uint64_t sandbox_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct sandbox *sandbox_find(struct service *service, const struct id *id)
{
    for (unsigned i = 0; i < SANDBOX_MAX_TOTAL; i++) {
        if (service->sandboxes[i] && id_equal(&service->sandboxes[i]->request.sandbox, id))
            return service->sandboxes[i];
    }
    return NULL;
}

static bool over(const struct sandbox_limits *limits, const struct sandbox_limits *most)
{
    return limits->memory_mb > most->memory_mb || limits->cpu_percent > most->cpu_percent ||
           limits->pids > most->pids;
}

static int check_request(struct service *service, const struct sandboxd_create *request)
{
    if (service->stopping)
        return -ESHUTDOWN;
    if (sandbox_find(service, &request->sandbox))
        return -EEXIST;
    if (service->sandbox_count >= service->settings->sandbox_maximum)
        return -EUSERS;
    return over(&request->limits, &service->settings->limits) ? -ERANGE : 0;
}

static unsigned free_slot(const struct service *service)
{
    unsigned slot = 0;
    while (service->sandboxes[slot])
        slot++; // check_request keeps the count under the table's size
    return slot;
}

static void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    watch_close(&sandbox->setup);
    watch_close(&sandbox->builder);
    watch_close(&sandbox->init);
    watch_close(&sandbox->channel);
    watch_close(&sandbox->timer);
    desktop_finish(&sandbox->desktop);
    egress_network_finish(&sandbox->network);
    cgroup_remove(&sandbox->service->cgroups, &sandbox->cgroup);
    if (sandbox->service->sandboxes[sandbox->slot] == sandbox) {
        sandbox->service->sandboxes[sandbox->slot] = NULL;
        sandbox->service->sandbox_count--;
    }
    free(sandbox);
}

static void cleanup_sandbox(struct sandbox **sandbox)
{
    sandbox_free(*sandbox);
}

static struct sandbox *sandbox_new(struct service *service, const struct sandboxd_create *request)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (!sandbox)
        return NULL;
    const struct watch closed = WATCH_CLOSED;
    *sandbox = (struct sandbox){
        .service = service,
        .slot = free_slot(service),
        .request = *request,
        .host_uid =
            service->host.own_uids ? service->settings->uid_base + request->account_number : geteuid(),
        .created_us = sandbox_now_us(),
        .desktop = {.framebuffer = -1, .display = -1},
        .setup = closed,
        .builder = closed,
        .init = closed,
        .channel = closed,
        .timer = closed,
    };
    egress_network_init(&sandbox->network);
    return sandbox;
}

static int start(struct sandbox *sandbox, const struct plan *plan)
{
    struct service *service = sandbox->service;
    int channel[2];
    int error = ipc_pair(0, channel);
    if (error)
        return error;
    AUTO_FD int ours = channel[0];
    AUTO_FD int theirs = channel[1];
    error = desktop_send_start(&sandbox->desktop, ours); // waits there until sandbox-init reads
    if (error)
        return error;
    struct launch launch = {
        .plan = plan,
        // What a user's programs write must not reach the service's log.
        .standard = {service->null_fd, service->null_fd, service->null_fd},
        .descriptors = {{theirs, INIT_CHANNEL_FD}},
        .descriptor_count = 1,
    };
    error = cgroup_open_entry(&service->cgroups, &sandbox->cgroup, &launch.cgroup);
    if (error)
        return error;
    struct launched launched;
    error = launch_start(&launch, &launched);
    cgroup_entry_finish(&launch.cgroup);
    return error ? error : sandbox_watch(sandbox, launched.setup, launched.builder, steal_fd(&ours));
}

static void cleanup_policy(struct network_policy **policy)
{
    network_policy_unref(*policy);
}

int sandbox_create(struct service *service, const struct sandboxd_create *request,
                   struct network_policy *policy, enum start_stage *ret_stage)
{
    CLEANUP(cleanup_policy) struct network_policy *network = policy;
    *ret_stage = START_REFUSED;
    int error = check_request(service, request);
    if (error)
        return error;
    CLEANUP(cleanup_sandbox) struct sandbox *sandbox = sandbox_new(service, request);
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    if (!sandbox || !plan)
        return -ENOMEM;
    if (network)
        egress_set_policy(sandbox, steal_pointer(&network), 0);
    struct plan_home home = {.storage = service->settings->storage, .owner = request->owner};
    error = plan_desktop(plan, &service->host, &home, sandbox->host_uid, &request->limits);
    if (!error)
        error = desktop_init(&sandbox->desktop, service->settings);
    if (error)
        return error;
    *ret_stage = START_CGROUP;
    char name[CGROUP_NAME_MAX];
    snprintf(name, sizeof(name), "s%u", sandbox->slot);
    error = cgroup_make(&service->cgroups, name, &request->limits, &sandbox->cgroup);
    if (error)
        return error;
    *ret_stage = START_NAMESPACES;
    error = start(sandbox, plan);
    if (error)
        return error;
    service->sandboxes[sandbox->slot] = sandbox;
    service->sandbox_count++;
    steal_pointer(&sandbox);
    return 0;
}

static void kill_processes(struct sandbox *sandbox)
{
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

void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason)
{
    if (sandbox->reason == STOP_NONE)
        sandbox->reason = reason;
    sandbox->state = SANDBOX_ENDING;
    kill_processes(sandbox);
    streamer_stop_all(sandbox->service, sandbox);
    egress_leaving(sandbox);
    sandbox_finish(sandbox);
}

void sandbox_stop_all(struct service *service, enum stop_reason reason)
{
    for (unsigned i = 0; i < SANDBOX_MAX_TOTAL; i++) {
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

int sandbox_set_limits(struct sandbox *sandbox, const struct sandbox_limits *limits)
{
    if (sandbox->state == SANDBOX_ENDING)
        return -ESHUTDOWN;
    if (over(limits, &sandbox->service->settings->limits))
        return -ERANGE;
    int error = cgroup_set_limits(&sandbox->service->cgroups, &sandbox->cgroup, limits);
    if (error) {
        cgroup_set_limits(&sandbox->service->cgroups, &sandbox->cgroup, &sandbox->request.limits);
        return error;
    }
    sandbox->request.limits = *limits;
    return 0;
}

void sandbox_viewer_ended(struct sandbox *sandbox)
{
    sandbox->viewers--;
    if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
}

void sandbox_describe(const struct sandbox *sandbox, struct sandboxd_entry *ret_entry)
{
    *ret_entry = (struct sandboxd_entry){
        .sandbox = sandbox->request.sandbox,
        .owner = sandbox->request.owner,
        .template_id = sandbox->request.template_id,
        .ready = sandbox->state == SANDBOX_READY,
        .limits = sandbox->request.limits,
        .viewers = sandbox->viewers,
    };
    cgroup_usage(&sandbox->service->cgroups, &sandbox->cgroup, &ret_entry->usage);
    egress_usage(sandbox, &ret_entry->usage);
}

static void report_end(struct sandbox *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ENDED};
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->request.sandbox, id);
    if (sandbox->reason == STOP_START_FAILED) {
        message.kind = SANDBOXD_FAILED;
        message.failed = (struct sandboxd_failed){.sandbox = sandbox->request.sandbox,
                                                  .stage = sandbox->failed_stage,
                                                  .error = sandbox->failed_error};
        log_warning("sandbox did not start", {"sandbox", id},
                    {"stage", start_stage_name(sandbox->failed_stage)},
                    {"operation", sandbox->failed_operation ? sandbox->failed_operation : "-"},
                    {"error", strerror(sandbox->failed_error)});
    } else {
        message.ended = (struct sandboxd_ended){
            .sandbox = sandbox->request.sandbox, .reason = sandbox->reason, .usage = sandbox->usage};
        log_info("sandbox ended", {"sandbox", id}, {"reason", stop_reason_name(sandbox->reason)});
    }
    client_send(sandbox->service, &message, -1);
}

// True when its groups are gone. A group may still be busy for a moment after its last process was reaped.
static bool groups_removed(struct sandbox *sandbox)
{
    if (sandbox->removals++ == 0)
        cgroup_usage(&sandbox->service->cgroups, &sandbox->cgroup, &sandbox->usage);
    int error = cgroup_remove(&sandbox->service->cgroups, &sandbox->cgroup);
    if (error == -EBUSY && sandbox->removals < REMOVALS_MAX &&
        sandbox_set_timer(sandbox, REMOVAL_PAUSE_NS) == 0)
        return false;
    if (error)
        log_error("the control groups of an ended sandbox stay", {"error", strerror(-error)});
    return true;
}

void sandbox_finish(struct sandbox *sandbox)
{
    if (sandbox->builder.fd >= 0 || sandbox->setup.fd >= 0 || sandbox->init.fd >= 0 || sandbox->viewers > 0)
        return;
    if (egress_leaving(sandbox) || !groups_removed(sandbox))
        return;
    egress_usage(sandbox, &sandbox->usage);
    report_end(sandbox);
    sandbox_free(sandbox);
}
