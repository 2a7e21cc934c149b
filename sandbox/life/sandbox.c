#include "sandbox/life/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "sandbox/daemon/client.h"
#include "sandbox/executor/launch.h"
#include "sandbox/helpers/egress.h"
#include "sandbox/home/home.h"
#include "sandbox/life/pool.h"
#include "sandbox/life/template.h"

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
    cleanup_fd(&sandbox->claimer);
    watch_close(&sandbox->channel);
    watch_close(&sandbox->timer);
    desktop_finish(&sandbox->desktop);
    egress_network_finish(&sandbox->network);
    cleanup_fd(&sandbox->parked_listener);
    pool_take_mounts(service, sandbox->mounts);
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
        .mounts = -1,
        .written_bytes = UINT64_MAX,
        .created_us = sandbox_now_us(),
        .desktop = {.framebuffer = -1, .display = -1},
        .setup = closed,
        .builder = closed,
        .init = closed,
        .claim = closed,
        .claimer = -1,
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

int sandbox_prepare(struct sandbox *sandbox, const struct sandbox_limits *limits, int *ret_ours,
                    int *ret_theirs, enum start_stage *ret_stage)
{
    struct service *service = sandbox->service;
    bool desktop = template_of(sandbox->request.template_id)->desktop;
    int error = desktop ? desktop_init(&sandbox->desktop, service->settings) : 0;
    if (error)
        return error;
    *ret_stage = START_CGROUP;
    error = cgroup_stock_take(&service->stock, limits, &sandbox->cgroup);
    if (error)
        return error;
    *ret_stage = START_NAMESPACES;
    int channel[2];
    error = ipc_pair(0, channel);
    if (error)
        return error;
    AUTO_FD int ours = channel[0];
    AUTO_FD int theirs = channel[1];
    if (desktop) // waits in the channel until sandbox-init reads
        error = desktop_send_start(&sandbox->desktop, ours, sandbox->parked);
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

// Of a desktop that would save a twentieth of the start, for a second foundation with all that it shows of the host.
static int start_from_foundation(struct sandbox *sandbox, const struct spawner *spawner,
                                 enum start_stage *ret_stage)
{
    int ours;
    AUTO_FD int theirs = -1;
    int error = sandbox_prepare(sandbox, &sandbox->request.limits, &ours, &theirs, ret_stage);
    if (error)
        return error;
    sandbox->state = SANDBOX_BUILDING;
    return sandbox_spawn(sandbox, spawner, &sandbox->request.limits, ours, theirs);
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
    const struct spawner *spawner = template->desktop ? NULL : pool_spawner(service);
    if (spawner)
        return start_from_foundation(sandbox, spawner, ret_stage);
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
    error = sandbox_prepare(sandbox, &request->limits, &ours, &theirs, ret_stage);
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

void sandbox_usage(const struct sandbox *sandbox, struct sandbox_usage *ret_usage)
{
    cgroup_usage(&sandbox->service->cgroups, &sandbox->cgroup, ret_usage);
    if (ret_usage->cpu_us != UINT64_MAX && sandbox->parked)
        ret_usage->cpu_us -= sandbox->parked_cpu_us;
    ret_usage->written_bytes = cgroup_most_written(ret_usage->written_bytes, sandbox->written_bytes);
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
