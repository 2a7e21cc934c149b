// What sandbox-egress has to know of the sandboxes, and what it tells of them. Nothing is queued: for each sandbox it is known what the proxy
// was told, and the difference is sent when it reads.

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "sandbox/daemon/client.h"
#include "sandbox/helpers/egress.h"

void egress_network_init(struct network *network)
{
    *network = (struct network){.listener = -1};
}

void egress_network_finish(struct network *network)
{
    cleanup_fd(&network->listener);
    network->listener = -1;
    network_policy_unref(steal_pointer(&network->policy));
    network_policy_unref(steal_pointer(&network->told));
    network_policy_unref(steal_pointer(&network->held));
}

static bool proxy_serves(const struct sandbox *sandbox)
{
    const struct egress *egress = sandbox->service->egress;
    return egress && egress->state == EGRESS_UP && sandbox->network.listener >= 0;
}

// False: nobody waits for it.
static bool tell_set(struct sandbox *sandbox, uint32_t closed, int error)
{
    struct network *network = &sandbox->network;
    uint64_t serial = network->client_serial;
    network->client_serial = 0;
    if (!serial || network->client != sandbox->service->client_count)
        return false;
    struct sandboxd_message message = {.kind = SANDBOXD_NETWORK_SET};
    message.network_set = (struct sandboxd_network_set){
        .sandbox = sandbox->request.sandbox, .serial = serial, .closed = closed, .error = error};
    client_send(sandbox->service, &message, -1);
    return true;
}

bool egress_settled(const struct sandbox *sandbox)
{
    return !proxy_serves(sandbox) || sandbox->network.settled_serial == sandbox->network.serial;
}

static void replace_policy(struct network_policy **place, struct network_policy *policy)
{
    network_policy_ref(policy);
    network_policy_unref(*place);
    *place = policy;
}

void egress_take_listener(struct sandbox *sandbox, int fd)
{
    sandbox->network.listener = fd;
    if (sandbox->service->egress)
        egress_sync(sandbox->service->egress);
}

void egress_set_policy(struct sandbox *sandbox, struct network_policy *policy, uint64_t client_serial)
{
    struct network *network = &sandbox->network;
    struct egress *egress = sandbox->service->egress;
    network_policy_unref(network->policy);
    network->policy = policy;
    network->serial = egress ? ++egress->serial : 1;
    network->client = sandbox->service->client_count;
    network->client_serial = client_serial;
    if (proxy_serves(sandbox))
        egress_sync(egress);
    else
        tell_set(sandbox, 0, 0); // it will be in force from the first byte on
}

// 0, or -EAGAIN when the proxy has to read first. Else the proxy is given up.
static int send_message(struct egress *egress, const struct egress_message *message, int fd, bool answered)
{
    int error = egress_message_send(egress->channel.fd, message, EGRESS_SIDE_SANDBOXD, fd);
    if (!error)
        egress->unanswered += answered;
    else if (error != -EAGAIN)
        egress_give_up(egress, strerror(-error));
    return error;
}

static int send_piece(struct egress *egress)
{
    const struct id *id = &egress->sending.sandbox->request.sandbox;
    const struct egress_policy *policy =
        egress->sending.policy ? &egress->sending.policy->content : &(const struct egress_policy){0};
    uint32_t position = egress->sending.position, headers = policy->header_count;
    bool last = position == headers + policy->rule_count + 1;
    struct egress_message message = {.kind = EGRESS_POLICY_COMMIT};
    if (position == 0) {
        message.kind = EGRESS_POLICY_BEGIN;
        message.policy_begin = (struct egress_policy_begin){*id, policy->rule_count, headers};
    } else if (position <= headers) {
        message.kind = EGRESS_HEADER;
        message.header = (struct egress_header_message){*id, policy->headers[position - 1]};
    } else if (!last) {
        message.kind = EGRESS_RULE;
        message.rule = (struct egress_rule_message){*id, policy->rules[position - 1 - headers]};
    } else {
        message.policy_commit = (struct egress_policy_commit){*id, egress->sending.serial};
    }
    int error = send_message(egress, &message, -1, last);
    explicit_bzero(&message, sizeof(message));
    if (error)
        return error;
    egress->sending.position++;
    if (last) {
        egress->sending.sandbox = NULL;
        network_policy_unref(steal_pointer(&egress->sending.policy));
    }
    return 0;
}

static int send_add(struct egress *egress, struct sandbox *sandbox)
{
    const struct config *config = egress->service->settings->config;
    struct egress_message message = {.kind = EGRESS_ADD};
    message.add =
        (struct egress_add){.sandbox = sandbox->request.sandbox,
                            .byte_quota = (uint64_t)config_number(config, CONFIG_EGRESS_QUOTA_MB) << 20,
                            .connection_maximum = (uint32_t)config_number(config, CONFIG_EGRESS_CONNECTIONS)};
    // What it used up under an earlier proxy is gone for good; with nothing left one byte stands for that.
    uint64_t used = sandbox->network.before.bytes_in + sandbox->network.before.bytes_out;
    if (message.add.byte_quota)
        message.add.byte_quota = message.add.byte_quota > used ? message.add.byte_quota - used : 1;
    int error = send_message(egress, &message, sandbox->network.listener, true);
    sandbox->network.added = !error;
    return error;
}

static int send_remove(struct egress *egress, struct sandbox *sandbox)
{
    struct egress_message message = {.kind = EGRESS_REMOVE, .of_sandbox = {sandbox->request.sandbox}};
    int error = send_message(egress, &message, -1, true);
    sandbox->network.removing = !error;
    return error;
}

static int send_count(struct egress *egress, struct sandbox *sandbox)
{
    struct egress_message message = {.kind = EGRESS_COUNT, .of_sandbox = {sandbox->request.sandbox}};
    int error = send_message(egress, &message, -1, true);
    sandbox->network.count_due = error != 0;
    return error;
}

static int send_count_all(struct egress *egress)
{
    struct egress_message message = {.kind = EGRESS_COUNT_ALL};
    int error = send_message(egress, &message, -1, true);
    egress->totals_due = error != 0;
    return error;
}

static void begin_policy(struct egress *egress, struct sandbox *sandbox)
{
    struct network *network = &sandbox->network;
    network->told_serial = network->serial;
    replace_policy(&network->told, network->policy);
    egress->sending.sandbox = sandbox;
    egress->sending.policy = network_policy_ref(network->policy);
    egress->sending.serial = network->serial;
    egress->sending.position = 0;
}

// 1 when something was sent for this sandbox, 0 when there is nothing, or -errno.
static int send_difference(struct egress *egress, struct sandbox *sandbox)
{
    struct network *network = &sandbox->network;
    int error;
    if (network->leaving) {
        if (!network->added || network->removing)
            return 0;
        error = send_remove(egress, sandbox);
    } else if (network->listener < 0) {
        return 0;
    } else if (!network->added) {
        error = send_add(egress, sandbox);
    } else if (network->told_serial != network->serial && network->told_serial == network->settled_serial) {
        begin_policy(egress, sandbox);
        error = send_piece(egress);
    } else if (network->count_due) {
        error = send_count(egress, sandbox);
    } else {
        return 0;
    }
    return error ? error : 1;
}

static int send_next(struct egress *egress)
{
    if (egress->sending.sandbox) {
        int error = send_piece(egress);
        return error ? error : 1;
    }
    struct sandbox **sandboxes = egress->service->sandboxes;
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        unsigned slot = (egress->cursor + i) % SANDBOX_SLOTS;
        int sent = sandboxes[slot] ? send_difference(egress, sandboxes[slot]) : 0;
        if (sent == 0)
            continue;
        egress->cursor = slot; // it goes on here: a policy follows its sandbox
        return sent;
    }
    if (!egress->totals_due)
        return 0;
    int error = send_count_all(egress);
    return error ? error : 1;
}

void egress_sync(struct egress *egress)
{
    int sent = 0;
    while (egress->state == EGRESS_UP && !egress->blocked && (sent = send_next(egress)) > 0)
        ;
    if (egress->state != EGRESS_UP)
        return;
    if (sent == -EAGAIN)
        egress->blocked = true;
    if (watch_change(&egress->channel, egress->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN) < 0)
        egress_give_up(egress, "its channel can't be watched");
    egress_progress(egress);
}

// The listener's copy here must not leave programs inside waiting for nobody.
static void silence(struct sandbox *sandbox)
{
    if (sandbox->network.listener >= 0 && egress_listener_silence(sandbox->network.listener) < 0)
        log_error("a listener can't be silenced", {"error", strerror(errno)});
}

static void removed(struct sandbox *sandbox, const struct egress_counters *counters)
{
    sandbox->network.counted = *counters;
    sandbox->network.added = false;
    struct egress *egress = sandbox->service->egress;
    egress->totals_due = true;
    sandbox_finish(sandbox);
    egress_sync(egress);
}

// What holds is what held before. A client that did not ask may have been told otherwise by the list: it comes back and asks for that again.
static void policy_refused(struct sandbox *sandbox, int error)
{
    struct network *network = &sandbox->network;
    bool latest = network->told_serial == network->serial;
    network->settled_serial = network->told_serial;
    if (latest) {
        replace_policy(&network->policy, network->held);
        if (!tell_set(sandbox, 0, error))
            client_close(sandbox->service);
        sandbox_network_settled(sandbox);
    }
    egress_sync(sandbox->service->egress);
}

static void refused(struct sandbox *sandbox, const struct egress_refused *message)
{
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->request.sandbox, id);
    log_error("sandbox-egress refuses a sandbox", {"sandbox", id}, {"error", strerror(message->error)});
    switch (message->request) {
    case EGRESS_ADD:
        silence(sandbox);
        return;
    case EGRESS_POLICY_COMMIT:
        policy_refused(sandbox, message->error);
        return;
    case EGRESS_REMOVE:
        removed(sandbox, &sandbox->network.counted);
        return;
    default:
        return;
    }
}

static int in_force(struct sandbox *sandbox, const struct egress_policy_in_force *message)
{
    struct network *network = &sandbox->network;
    if (message->serial != network->told_serial)
        return -EPROTO;
    network->settled_serial = message->serial;
    replace_policy(&network->held, network->told);
    if (message->serial == network->serial) {
        tell_set(sandbox, message->closed, 0);
        sandbox_network_settled(sandbox);
    }
    egress_sync(sandbox->service->egress);
    return 0;
}

int egress_handle(struct egress *egress, const struct egress_message *message)
{
    if (message->kind == EGRESS_TOTALS)
        return egress_take_totals(egress, &message->totals);
    struct sandbox *sandbox = sandbox_find(egress->service, &message->of_sandbox.sandbox);
    if (!sandbox || egress->unanswered == 0 || message->kind == EGRESS_READY)
        return -EPROTO;
    egress->unanswered--;
    egress_progress(egress);
    switch (message->kind) {
    case EGRESS_REFUSED:
        refused(sandbox, &message->refused);
        return 0;
    case EGRESS_POLICY_IN_FORCE:
        return in_force(sandbox, &message->policy_in_force);
    case EGRESS_COUNTERS:
        sandbox->network.counted = message->counters;
        return 0;
    case EGRESS_REMOVED:
        removed(sandbox, &message->counters);
        return 0;
    default:
        return 0;
    }
}

void egress_forget(struct egress *egress)
{
    egress->sending.sandbox = NULL;
    network_policy_unref(steal_pointer(&egress->sending.policy));
    egress->unanswered = 0;
    egress->blocked = egress->totals_due = false;
    egress_keep_totals(egress);
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        struct sandbox *sandbox = egress->service->sandboxes[i];
        if (!sandbox)
            continue;
        struct network *network = &sandbox->network;
        silence(sandbox);
        egress_keep_counted(network);
        network->added = network->removing = network->count_due = false;
        network->told_serial = network->settled_serial = 0;
        replace_policy(&network->told, NULL);
        replace_policy(&network->held, NULL);
        tell_set(sandbox, 0, 0); // no byte passes before the next proxy has it
        sandbox_network_settled(sandbox);
        if (network->leaving)
            sandbox_finish(sandbox);
    }
}

bool egress_leaving(struct sandbox *sandbox)
{
    struct network *network = &sandbox->network;
    bool first = !network->leaving;
    network->leaving = true;
    if (first && network->added)
        egress_sync(sandbox->service->egress);
    return network->added;
}
