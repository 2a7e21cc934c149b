#include "sandbox/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "sandbox/client.h"
#include "sandbox/egress.h"
#include "sandbox/home.h"
#include "sandbox/launch.h"
#include "sandbox/pool.h"
#include "sandbox/streamer.h"
#include "sandbox/template.h"

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
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        if (sandbox_has_owner(service->sandboxes[i]) && id_equal(&service->sandboxes[i]->request.sandbox, id))
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
    bool large = request->policy.width_max > service->settings->width_max ||
                 request->policy.height_max > service->settings->height_max;
    return large || over(&request->limits, &service->settings->limits) ? -ERANGE : 0;
}

static unsigned free_slot(const struct service *service)
{
    unsigned slot = 0;
    while (service->sandboxes[slot])
        slot++; // check_request and the pool's sizes keep the count under the table's size
    return slot;
}

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    struct service *service = sandbox->service;
    watch_close(&sandbox->setup);
    watch_close(&sandbox->builder);
    watch_close(&sandbox->init);
    watch_close(&sandbox->claim);
    watch_close(&sandbox->channel);
    watch_close(&sandbox->timer);
    desktop_finish(&sandbox->desktop);
    egress_network_finish(&sandbox->network);
    cleanup_fd(&sandbox->parked_listener);
    cgroup_remove(&service->cgroups, &sandbox->cgroup);
    if (sandbox->uid_taken && !sandbox->uid_used)
        uids_release(&service->uids, sandbox->host_uid);
    if (service->sandboxes[sandbox->slot] == sandbox) {
        service->sandboxes[sandbox->slot] = NULL;
        service->sandbox_count -= sandbox_has_owner(sandbox);
        service->parked_count -= !sandbox_has_owner(sandbox);
        pool_touch(service);
    }
    free(sandbox);
}

static void cleanup_sandbox(struct sandbox **sandbox)
{
    sandbox_free(*sandbox);
}

struct sandbox *sandbox_new(struct service *service, const struct sandboxd_create *request)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (!sandbox)
        return NULL;
    const struct watch closed = WATCH_CLOSED;
    *sandbox = (struct sandbox){
        .service = service,
        .slot = free_slot(service),
        .request = *request,
        .host_uid = geteuid(),
        .home_uid = HOME_NO_UID,
        .parked_listener = -1,
        .created_us = sandbox_now_us(),
        .desktop = {.framebuffer = -1, .display = -1},
        .setup = closed,
        .builder = closed,
        .init = closed,
        .claim = closed,
        .channel = closed,
        .timer = closed,
    };
    egress_network_init(&sandbox->network);
    return sandbox;
}

void sandbox_enter(struct sandbox *sandbox)
{
    struct service *service = sandbox->service;
    service->sandboxes[sandbox->slot] = sandbox;
    service->sandbox_count += sandbox_has_owner(sandbox);
    service->parked_count += !sandbox_has_owner(sandbox);
    pool_touch(service);
}

int sandbox_prepare(struct sandbox *sandbox, const struct sandbox_limits *limits, bool parked, int *ret_ours,
                    int *ret_theirs, enum start_stage *ret_stage)
{
    struct service *service = sandbox->service;
    bool desktop = template_of(sandbox->request.template_id)->desktop;
    int error = desktop ? desktop_init(&sandbox->desktop, service->settings) : 0;
    if (error)
        return error;
    *ret_stage = START_CGROUP;
    char name[CGROUP_NAME_MAX];
    snprintf(name, sizeof(name), "s%u", sandbox->slot);
    error = cgroup_make(&service->cgroups, name, limits, &sandbox->cgroup);
    if (error)
        return error;
    *ret_stage = START_NAMESPACES;
    int channel[2];
    error = ipc_pair(0, channel);
    if (error)
        return error;
    AUTO_FD int ours = channel[0];
    AUTO_FD int theirs = channel[1];
    if (desktop)
        error = desktop_send_start(&sandbox->desktop, ours, parked); // waits there until sandbox-init reads
    if (error)
        return error;
    *ret_ours = steal_fd(&ours);
    *ret_theirs = steal_fd(&theirs);
    return 0;
}

static int start(struct sandbox *sandbox, const struct plan *plan, int channel, int theirs)
{
    AUTO_FD int ours = channel;
    struct service *service = sandbox->service;
    struct launch launch = {
        .plan = plan,
        // What a user's programs write must not reach the service's log.
        .standard = {service->null_fd, service->null_fd, service->null_fd},
        .descriptors = {{theirs, INIT_CHANNEL_FD}},
        .descriptor_count = 1,
    };
    int error = cgroup_open_entry(&service->cgroups, &sandbox->cgroup, &launch.cgroup);
    if (error)
        return error;
    struct launched launched;
    error = launch_start(&launch, &launched);
    cgroup_entry_finish(&launch.cgroup);
    return error ? error : sandbox_watch(sandbox, launched.setup, launched.builder, steal_fd(&ours));
}

int sandbox_take_uid(struct sandbox *sandbox)
{
    struct service *service = sandbox->service;
    int error = service->host.own_uids ? uids_take(&service->uids, &sandbox->host_uid) : 0;
    sandbox->uid_taken = !error && service->host.own_uids;
    return error;
}

int sandbox_start_cold(struct sandbox *sandbox, enum start_stage *ret_stage)
{
    struct service *service = sandbox->service;
    const struct sandboxd_create *request = &sandbox->request;
    const struct sandbox_template_row *template = template_of(request->template_id);
    *ret_stage = START_HOME;
    int error = template->desktop ? sandbox_find_uid(service, request, &sandbox->host_uid)
                                  : sandbox_take_uid(sandbox);
    if (error)
        return error;
    *ret_stage = START_REFUSED;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    struct plan_home home = {.storage = service->settings->storage, .owner = request->owner};
    error = template->desktop
                ? plan_desktop(plan, &service->host, &home, sandbox->host_uid, &request->limits)
                : template->plan_parked(plan, &service->host, sandbox->host_uid, &request->limits);
    if (error)
        return error;
    int ours;
    AUTO_FD int theirs = -1;
    error = sandbox_prepare(sandbox, &request->limits, false, &ours, &theirs, ret_stage);
    if (error)
        return error;
    sandbox->state = SANDBOX_BUILDING;
    return start(sandbox, plan, ours, theirs);
}

static bool claims_now(struct service *service, const struct id *owner)
{
    const struct sandbox *other = sandbox_of_owner(service, owner);
    return other && other->claim.fd >= 0;
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
    const char *why = "owner_runs";
    bool waits = template_of(request->template_id)->desktop && claims_now(service, &request->owner);
    if (!waits && sandbox_claim(service, request, &network, &why))
        return 0;
    CLEANUP(cleanup_sandbox) struct sandbox *sandbox = sandbox_new(service, request);
    if (!sandbox)
        return -ENOMEM;
    sandbox->cold_why = why;
    if (network)
        egress_set_policy(sandbox, steal_pointer(&network), 0);
    error = waits ? 0 : sandbox_start_cold(sandbox, ret_stage);
    if (error)
        return error;
    sandbox_enter(sandbox);
    steal_pointer(&sandbox);
    return 0;
}

static void kill_processes(struct sandbox *sandbox)
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

int sandbox_run(struct sandbox *sandbox, const struct command_words *command)
{
    if (template_of(sandbox->request.template_id)->desktop || sandbox->state != SANDBOX_READY ||
        sandbox->commanded)
        return sandbox->state == SANDBOX_ENDING ? 0 : -EPROTO; // it may have ended meanwhile
    struct init_message message = {.kind = INIT_RUN, .run = *command};
    int error = init_message_send(sandbox->channel.fd, &message, INIT_SIDE_SANDBOXD, -1);
    sandbox->commanded = true;
    if (error)
        sandbox_stop(sandbox, STOP_CRASH);
    return 0;
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

// What was used before it had an owner is nobody's.
static void sandbox_usage(const struct sandbox *sandbox, struct sandbox_usage *ret_usage)
{
    cgroup_usage(&sandbox->service->cgroups, &sandbox->cgroup, ret_usage);
    if (ret_usage->cpu_us != UINT64_MAX && sandbox->parked)
        ret_usage->cpu_us -= sandbox->parked_cpu_us;
}

void sandbox_describe(const struct sandbox *sandbox, struct sandboxd_entry *ret_entry)
{
    const struct network_policy *policy = sandbox->network.policy;
    *ret_entry = (struct sandboxd_entry){
        .sandbox = sandbox->request.sandbox,
        .owner = sandbox->request.owner,
        .template_id = sandbox->request.template_id,
        .ready = sandbox->state == SANDBOX_READY,
        .limits = sandbox->request.limits,
        .viewers = sandbox->viewers,
        .header_count = policy ? policy->content.header_count : 0,
        .rule_count = policy ? policy->content.rule_count : 0,
    };
    sandbox_usage(sandbox, &ret_entry->usage);
    egress_usage(sandbox, &ret_entry->usage);
    cgroup_load(&sandbox->service->cgroups, &sandbox->cgroup, &ret_entry->memory_bytes, &ret_entry->tasks);
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
        message.ended = (struct sandboxd_ended){.sandbox = sandbox->request.sandbox,
                                                .reason = sandbox->reason,
                                                .status = sandbox->command_status,
                                                .usage = sandbox->usage};
        log_info("sandbox ended", {"sandbox", id}, {"reason", stop_reason_name(sandbox->reason)});
    }
    client_send(sandbox->service, &message, -1);
}

// True when its groups are gone. A group may still be busy for a moment after its last process was reaped.
static bool groups_removed(struct sandbox *sandbox)
{
    if (sandbox->removals++ == 0)
        sandbox_usage(sandbox, &sandbox->usage);
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
    if (sandbox->spawning || sandbox->builder.fd >= 0 || sandbox->setup.fd >= 0 || sandbox->init.fd >= 0 ||
        sandbox->claim.fd >= 0 || sandbox->viewers > 0)
        return;
    if (egress_leaving(sandbox) || !sandbox_builders_gone(sandbox) || !groups_removed(sandbox))
        return;
    egress_usage(sandbox, &sandbox->usage);
    if (sandbox_has_owner(sandbox))
        report_end(sandbox);
    else
        pool_ended(sandbox);
    sandbox_free(sandbox);
}
