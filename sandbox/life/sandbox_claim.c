// A parked sandbox gets its owner.

#include "sandbox/home/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "sandbox/daemon/client.h"
#include "sandbox/executor/launch.h"
#include "sandbox/helpers/egress.h"
#include "sandbox/home/home.h"
#include "sandbox/life/pool.h"
#include "sandbox/life/sandbox.h"
#include "sandbox/life/template.h"

#define CLAIM_SHARE 4 // of a start's patience: what is left is enough for a cold one

static void on_claim_ended(struct watch *watch, uint32_t events);

// What it was while it waited.
static struct sandboxd_create unowned(const struct sandbox *sandbox)
{
    return (struct sandboxd_create){.template_id = sandbox->request.template_id};
}

static int start_claim(struct sandbox *sandbox)
{
    struct service *service = sandbox->service;
    char name[ID_TEXT_SIZE];
    id_format(&sandbox->request.owner, name);
    struct claim claim = {.storage = service->settings->storage,
                          .home = name,
                          .host_uid = sandbox->host_uid,
                          .own_uids = service->host.own_uids,
                          .init = sandbox->init.fd,
                          .tmpfs_mb = service->settings->limits.memory_mb,
                          .limits = sandbox->request.limits};
    AUTO_FD int claimer = -1;
    int over;
    int error = claim_start(&claim, &claimer, &over);
    if (!error)
        error =
            watch_open(&sandbox->claim, service->epoll, over, 0, on_claim_ended); // EPOLLHUP comes unasked
    if (!error)
        sandbox->claimer = steal_fd(&claimer);
    return error ? error : sandbox_set_timer(sandbox, service->settings->start_ns / CLAIM_SHARE);
}

// The home's uid before, when the home may be claimed for at all: one that is not there yet, or that belongs to this owner.
static bool home_fits(struct service *service, const struct sandboxd_create *request, uid_t *ret_uid)
{
    char name[ID_TEXT_SIZE];
    struct home_state state;
    id_format(&request->owner, name);
    AUTO_FD int storage = open(service->settings->storage, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0 || home_look(storage, name, &state) < 0)
        return false;
    uid_t own = service->host.own_uids ? service->settings->uid_base + request->account_number : geteuid();
    *ret_uid = state.owner;
    return state.owner == HOME_NO_UID || state.owner == own || uids_is_parked(&service->uids, state.owner);
}

// With what the owner may take, and a way out of its own.
static int admit(struct sandbox *sandbox)
{
    int error = cgroup_set_limits(&sandbox->service->cgroups, &sandbox->cgroup, &sandbox->request.limits);
    if (error && error != -ENOTSUP)
        return error;
    if (sandbox->parked_listener >= 0)
        egress_take_listener(sandbox, steal_fd(&sandbox->parked_listener));
    return 0;
}

// Becomes the request's. The policy is taken when that succeeds; on failure it is as before.
static int adopt(struct sandbox *sandbox, const struct sandboxd_create *request,
                 struct network_policy **policy)
{
    struct service *service = sandbox->service;
    struct sandboxd_create before = sandbox->request;
    uint64_t parked_us = sandbox->created_us;
    bool desktop = template_of(request->template_id)->desktop;
    sandbox->created_us = sandbox_now_us();
    sandbox->parked_cpu_us = cgroup_cpu_us(&service->cgroups, &sandbox->cgroup);
    sandbox->request = *request;
    int error = desktop ? start_claim(sandbox) : admit(sandbox);
    if (error) {
        sandbox->request = before;
        sandbox->created_us = parked_us;
        return error;
    }
    sandbox->state = SANDBOX_CLAIMING;
    if (*policy)
        egress_set_policy(sandbox, steal_pointer(policy), 0);
    service->parked_count--;
    service->sandbox_count++;
    pool_claimed(service, request->template_id);
    if (!desktop) {
        sandbox->usable = true;
        sandbox_ready(sandbox);
    }
    return 0;
}

bool sandbox_claim(struct service *service, const struct sandboxd_create *request,
                   struct network_policy **policy, const char **ret_why)
{
    bool desktop = template_of(request->template_id)->desktop;
    struct sandbox *sandbox = pool_choose(service, request->template_id);
    uid_t home_uid = HOME_NO_UID;
    if (desktop && sandbox_of_owner(service, &request->owner))
        *ret_why = "owner_runs";
    else if (!sandbox)
        *ret_why = service->pool ? "none_ready" : "no_pool";
    else if (desktop && !home_fits(service, request, &home_uid))
        *ret_why = "home_foreign";
    else {
        sandbox->home_uid = home_uid;
        int error = adopt(sandbox, request, policy);
        if (!error)
            return true;
        log_error("can't claim a parked sandbox", {"error", strerror(-error)});
        *ret_why = "claim_failed";
    }
    return false;
}

// What the client asked for, on its way from one sandbox to another.
struct order {
    struct sandboxd_create request;
    struct network_policy *policy; // NULL: none
    uint64_t client_serial;        // of a policy that the client awaits an answer for; 0: none
    uint64_t created_us;
};

static struct order take_order(struct sandbox *sandbox)
{
    struct network *network = &sandbox->network;
    bool awaited = network->client == sandbox->service->client_count;
    return (struct order){.request = sandbox->request,
                          .policy = steal_pointer(&network->policy),
                          .client_serial = awaited ? network->client_serial : 0,
                          .created_us = sandbox->created_us};
}

static void start_cold_instead(struct service *service, const struct order *order, const char *why)
{
    enum start_stage stage = START_REFUSED;
    struct sandbox *sandbox = sandbox_new(service, &order->request);
    int error = sandbox ? 0 : -ENOMEM;
    if (sandbox) {
        sandbox->created_us = order->created_us;
        sandbox->cold_why = why;
        if (order->policy)
            egress_set_policy(sandbox, network_policy_ref(order->policy), order->client_serial);
        error = sandbox_start_cold(sandbox, &stage);
    }
    network_policy_unref(order->policy);
    if (!error) {
        sandbox_enter(sandbox);
        return;
    }
    sandbox_free(sandbox);
    struct sandboxd_message message = {.kind = SANDBOXD_FAILED};
    message.failed =
        (struct sandboxd_failed){.sandbox = order->request.sandbox, .stage = stage, .error = -error};
    log_warning("sandbox refused", {"stage", start_stage_name(stage)}, {"error", strerror(-error)});
    client_send(service, &message, -1);
}

// It is nobody's again: nothing of the owner's has touched it.
static void give_back(struct sandbox *sandbox, const char *why)
{
    struct service *service = sandbox->service;
    struct order order = take_order(sandbox);
    egress_network_init(&sandbox->network); // the proxy has not heard of it
    watch_close(&sandbox->timer);
    sandbox->request = unowned(sandbox);
    sandbox->state = SANDBOX_PARKED;
    service->sandbox_count--;
    service->parked_count++;
    start_cold_instead(service, &order, why);
    sandbox_resume(service, &order.request.owner);
}

void sandbox_claim_lost(struct sandbox *sandbox, const char *why)
{
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->request.sandbox, id);
    log_error("a claim failed; the sandbox is started anew", {"sandbox", id}, {"error", why});
    if (sandbox->claim.fd >= 0 && launch_kill(sandbox->claimer, sandbox->host_uid) < 0)
        log_error("can't end a claim", {"sandbox", id});
    sandbox->again = true;
    sandbox_stop(sandbox, STOP_START_FAILED);
}

void sandbox_start_again(struct sandbox *sandbox)
{
    struct service *service = sandbox->service;
    struct order order = take_order(sandbox);
    pool_ended(sandbox); // a loss to the pool: it must not build one after another that nobody can claim
    sandbox_free(sandbox);
    start_cold_instead(service, &order, "claim_failed");
}

static int bind_owner(struct sandbox *sandbox)
{
    struct init_message bind = {.kind = INIT_BIND};
    int error = admit(sandbox);
    return error ? error : init_message_send(sandbox->channel.fd, &bind, INIT_SIDE_SANDBOXD, -1);
}

static void on_claim_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, claim);
    struct service *service = sandbox->service;
    struct id owner = sandbox->request.owner;
    const char *why;
    int status = 0;
    if (launch_reap(sandbox->claimer, &status) == 0)
        return; // it has closed its descriptors, and is asked again
    watch_close(watch);
    close(steal_fd(&sandbox->claimer));
    enum claim_result result = claim_result(status, &why);
    // From here on the home's uid is this one's, and what it had before is nobody's.
    sandbox->uid_used = sandbox->uid_used || result != CLAIM_UNFIT;
    if (result == CLAIM_DONE && sandbox->home_uid != sandbox->host_uid)
        uids_release(&service->uids, sandbox->home_uid);
    if (sandbox->state == SANDBOX_ENDING) {
        sandbox_finish(sandbox);
        sandbox_resume(service, &owner);
        return;
    }
    if (result == CLAIM_UNFIT) {
        give_back(sandbox, why);
        return;
    }
    int error = result == CLAIM_DONE ? bind_owner(sandbox) : 0;
    if (result != CLAIM_DONE || error)
        sandbox_claim_lost(sandbox, error ? strerror(-error) : why);
    sandbox_resume(service, &owner);
}

void sandbox_resume(struct service *service, const struct id *owner)
{
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        struct sandbox *sandbox = service->sandboxes[i];
        if (!sandbox || sandbox->state != SANDBOX_WAITING || !id_equal(&sandbox->request.owner, owner))
            continue;
        enum start_stage stage;
        int error = sandbox_start_cold(sandbox, &stage);
        if (error)
            sandbox_fail(sandbox, stage, -error);
    }
}
