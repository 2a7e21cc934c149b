#include "sandbox/daemon/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "sandbox/helpers/egress.h"
#include "sandbox/helpers/exporter.h"
#include "sandbox/helpers/streamer.h"
#include "sandbox/life/pool.h"
#include "sandbox/life/sandbox.h"

#define NOT_LISTING SANDBOX_SLOTS

struct client {
    struct service *service;
    struct watch socket;
    bool greeted;
    unsigned listed; // LIST: the next slot; NOT_LISTING when none is under way
    bool end_of_list;
    struct listed_policy {             // of the entry that was sent last, as it was then
        struct network_policy *policy; // NULL: all of it is sent
        uint32_t position;
    } listed_policy;
    struct network_staging network;
};

void client_close(struct service *service)
{
    if (!service->client)
        return;
    watch_close(&service->client->socket);
    network_policy_unref(service->client->listed_policy.policy);
    network_staging_finish(&service->client->network);
    free(steal_pointer(&service->client));
}

static void drop(struct service *service, const char *why)
{
    log_warning("client dropped", {"why", why});
    client_close(service);
}

// 0, -EAGAIN when the socket is full, or another -errno.
static int send_now(struct client *client, const struct sandboxd_message *message, int fd)
{
    return sandboxd_message_send(client->socket.fd, message, CHANNEL_SERVER, fd);
}

void client_send(struct service *service, const struct sandboxd_message *message, int fd)
{
    if (!service->client || !service->client->greeted)
        return;
    int error = send_now(service->client, message, fd);
    if (error)
        drop(service, error == -EAGAIN ? "it does not read" : strerror(-error));
}

static void welcome(struct service *service)
{
    struct sandboxd_message message = {.kind = SANDBOXD_WELCOME};
    message.welcome = (struct sandboxd_welcome){.version = SANDBOXD_CHANNEL_VERSION,
                                                .sandbox_count = service->sandbox_count,
                                                .sandbox_maximum = service->settings->sandbox_maximum,
                                                .display_width = service->settings->width,
                                                .display_height = service->settings->height,
                                                .pid = (uint32_t)getpid()};
    memcpy(message.welcome.layers, service->layers, sizeof(message.welcome.layers));
    service->client->greeted = true;
    client_send(service, &message, -1);
    pool_tell(service);
    egress_tell_totals(service);
}

// What comes next in the list. False: nothing more does.
static bool next_of_list(struct client *client, struct sandboxd_message *message)
{
    const struct listed_policy *listed = &client->listed_policy;
    if (listed->policy) {
        const struct egress_policy *policy = &listed->policy->content;
        bool header = listed->position < policy->header_count;
        message->kind = header ? SANDBOXD_ENTRY_HEADER : SANDBOXD_ENTRY_RULE;
        if (header)
            memcpy(message->entry_header.name, policy->headers[listed->position].name,
                   sizeof(message->entry_header.name));
        else
            message->entry_rule = policy->rules[listed->position - policy->header_count];
        return true;
    }
    while (client->listed < SANDBOX_SLOTS && !sandbox_has_owner(client->service->sandboxes[client->listed]))
        client->listed++;
    message->kind = client->listed < SANDBOX_SLOTS ? SANDBOXD_ENTRY : SANDBOXD_LIST_END;
    if (message->kind == SANDBOXD_ENTRY)
        sandbox_describe(client->service->sandboxes[client->listed], &message->entry);
    return client->end_of_list;
}

static void went_out(struct client *client, uint32_t kind)
{
    struct listed_policy *listed = &client->listed_policy;
    if (kind == SANDBOXD_LIST_END) {
        client->end_of_list = false;
        return;
    }
    if (kind == SANDBOXD_ENTRY) {
        listed->policy = network_policy_ref(client->service->sandboxes[client->listed++]->network.policy);
        listed->position = 0;
    } else {
        listed->position++;
    }
    const struct egress_policy *policy = listed->policy ? &listed->policy->content : NULL;
    if (policy && listed->position == policy->header_count + policy->rule_count)
        network_policy_unref(steal_pointer(&listed->policy));
}

// Sends as much of the list as the socket takes; the rest follows when it has room.
static void continue_list(struct service *service)
{
    struct client *client = service->client;
    struct sandboxd_message message = {0};
    while (next_of_list(client, &message)) {
        int error = send_now(client, &message, -1);
        if (error == -EAGAIN) {
            watch_change(&client->socket, EPOLLOUT); // no further request until this one is answered
            return;
        }
        if (error) {
            drop(service, strerror(-error));
            return;
        }
        went_out(client, message.kind);
        message = (struct sandboxd_message){0};
    }
    watch_change(&client->socket, EPOLLIN);
}

// 0, or -EPROTO: the policy that it speaks of did not come.
static int create(struct service *service, const struct sandboxd_create *request)
{
    enum start_stage stage;
    struct network_policy *policy = NULL;
    if (request->network && !(policy = network_take_staged(&service->client->network)))
        return -EPROTO;
    int error = sandbox_create(service, request, policy, &stage);
    if (!error)
        return 0;
    struct sandboxd_message message = {.kind = SANDBOXD_FAILED};
    message.failed = (struct sandboxd_failed){.sandbox = request->sandbox, .stage = stage, .error = -error};
    log_warning("sandbox refused", {"stage", start_stage_name(stage)}, {"error", strerror(-error)});
    client_send(service, &message, -1);
    return 0;
}

static void stop(struct service *service, const struct sandboxd_stop *request)
{
    struct sandbox *sandbox = sandbox_find(service, &request->sandbox);
    if (sandbox) {
        sandbox_stop(sandbox, request->reason);
        return;
    }
    // It ended before the request came, and a client that was away may not have heard so.
    struct sandboxd_message message = {.kind = SANDBOXD_ENDED};
    message.ended = (struct sandboxd_ended){
        .sandbox = request->sandbox, .reason = request->reason, .usage = SANDBOX_USAGE_UNKNOWN};
    client_send(service, &message, -1);
}

static int run(struct service *service, const struct sandboxd_run *request)
{
    struct sandbox *sandbox = sandbox_find(service, &request->sandbox);
    return sandbox ? sandbox_run(sandbox, &request->command) : 0; // it ended before, and the client was told
}

static void attach(struct service *service, const struct sandboxd_attach *request)
{
    int error = streamer_attach(service, request);
    if (!error)
        return;
    struct sandboxd_message message = {.kind = SANDBOXD_ATTACH_FAILED};
    message.attach_failed = (struct sandboxd_attach_failed){
        .sandbox = request->sandbox, .viewer = request->viewer, .error = -error};
    client_send(service, &message, -1);
}

static void export(struct service *service, const struct sandboxd_export *request)
{
    int error = exporter_start(service, request);
    if (!error)
        return;
    struct sandboxd_message message = {.kind = SANDBOXD_EXPORT_FAILED};
    message.export_failed = (struct sandboxd_export_failed){.number = request->number, .error = -error};
    client_send(service, &message, -1);
}

static void set_limits(struct service *service, const struct sandboxd_set_limits *request)
{
    struct sandboxd_message message = {.kind = SANDBOXD_LIMITS_SET};
    struct sandbox *sandbox = sandbox_find(service, &request->sandbox);
    int error = sandbox ? sandbox_set_limits(sandbox, &request->limits) : -ENOENT;
    message.limits_set = (struct sandboxd_limits_set){.sandbox = request->sandbox, .error = -error};
    if (sandbox)
        message.limits_set.limits = sandbox->request.limits;
    client_send(service, &message, -1);
}

static int set_network(struct service *service, const struct sandboxd_set_network *request)
{
    struct network_policy *policy = network_take_staged(&service->client->network);
    if (!policy)
        return -EPROTO;
    struct sandbox *sandbox = sandbox_find(service, &request->sandbox);
    if (sandbox && sandbox->state != SANDBOX_ENDING) {
        egress_set_policy(sandbox, policy, request->serial);
        return 0;
    }
    network_policy_unref(policy);
    struct sandboxd_message message = {.kind = SANDBOXD_NETWORK_SET};
    message.network_set = (struct sandboxd_network_set){
        .sandbox = request->sandbox, .serial = request->serial, .error = ENOENT};
    client_send(service, &message, -1);
    return 0;
}

static int handle(struct service *service, const struct sandboxd_message *message)
{
    struct client *client = service->client;
    if (!client->greeted) {
        if (message->kind != SANDBOXD_HELLO || message->hello.version != SANDBOXD_CHANNEL_VERSION)
            return -EPROTO;
        welcome(service);
        return 0;
    }
    switch (message->kind) {
    case SANDBOXD_CREATE:
        return create(service, &message->create);
    case SANDBOXD_STOP:
        stop(service, &message->stop);
        return 0;
    case SANDBOXD_LIST:
        client->listed = 0;
        client->end_of_list = true;
        continue_list(service);
        return 0;
    case SANDBOXD_ATTACH:
        attach(service, &message->attach);
        return 0;
    case SANDBOXD_EXPORT:
        export(service, &message->export);
        return 0;
    case SANDBOXD_RUN:
        return run(service, &message->run);
    case SANDBOXD_SET_LIMITS:
        set_limits(service, &message->set_limits);
        return 0;
    case SANDBOXD_NETWORK_BEGIN:
    case SANDBOXD_NETWORK_HEADER:
    case SANDBOXD_NETWORK_RULE:
        return network_stage(&client->network, message);
    case SANDBOXD_SET_NETWORK:
        return set_network(service, &message->set_network);
    default:
        return -EPROTO;
    }
}

static void wipe(struct sandboxd_message *message)
{
    explicit_bzero(message, sizeof(*message)); // it may hold a header's value
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct client *client = CONTAINER_OF(watch, struct client, socket);
    struct service *service = client->service;
    CLEANUP(wipe) struct sandboxd_message buffer;
    CLEANUP(wipe) struct sandboxd_message message;
    AUTO_PACKET struct ipc_packet packet = {0};

    if (events & EPOLLOUT) {
        continue_list(service);
        return;
    }
    int error = ipc_receive(watch->fd, &buffer, sizeof(buffer), &packet);
    if (error == -EAGAIN)
        return;
    if (error == -ECONNRESET) {
        log_info("client left");
        client_close(service);
        return;
    }
    if (!error)
        error = sandboxd_message_decode(&buffer, packet.length, packet.fd_count, CHANNEL_CLIENT, &message);
    if (!error)
        error = handle(service, &message);
    if (error)
        drop(service, "wrong message");
}

static bool permitted(const struct settings *settings, int socket)
{
    uid_t uid;
    if (ipc_peer_uid(socket, &uid) < 0)
        return false;
    return uid == 0 || uid == geteuid() || (settings->client_uid >= 0 && uid == (uid_t)settings->client_uid);
}

void client_accept(struct service *service, int socket)
{
    AUTO_FD int fd = socket;
    if (!permitted(service->settings, fd)) {
        log_warning("connection refused: not the uid of SANDBOXD_CLIENT_UID");
        return;
    }
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        return;
    ipc_refuse_fds(fd); // before Linux 6.16 the uid alone says that it is to be trusted
    client_close(service);
    client->service = service;
    client->listed = NOT_LISTING;
    if (watch_open(&client->socket, service->epoll, steal_fd(&fd), EPOLLIN, on_ready) < 0) {
        free(client);
        return;
    }
    service->client = client;
    service->client_count++;
}
