#include "sandbox/run/network.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "sandbox/executor/launch.h"
#include "sandbox/run/report.h"

#define PATIENCE_S 10

static int receive(struct run_network *network, uint32_t kind, struct egress_message *ret_message)
{
    struct egress_message buffer;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(network->channel, &buffer, sizeof(buffer), &packet);
    if (!error)
        error =
            egress_message_decode(&buffer, packet.length, packet.fd_count, EGRESS_SIDE_EGRESS, ret_message);
    if (error)
        return error == -EAGAIN ? -ETIMEDOUT : error;
    if (ret_message->kind == EGRESS_REFUSED)
        return -ret_message->refused.error;
    return ret_message->kind == kind ? 0 : -EPROTO;
}

static int request(struct run_network *network, const struct egress_message *message, int fd, uint32_t answer,
                   struct egress_message *ret_message)
{
    int error = egress_message_send(network->channel, message, EGRESS_SIDE_SANDBOXD, fd);
    return error ? error : receive(network, answer, ret_message);
}

static int be_patient(int channel)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    return setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
                   setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0
               ? -errno
               : 0;
}

static int launch(struct run_network *network, const struct plan *plan)
{
    int channel[2];
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int error = null < 0 ? -errno : ipc_pair(0, channel);
    if (error)
        return error;
    network->channel = channel[0];
    AUTO_FD int theirs = channel[1];
    error = be_patient(network->channel);
    if (error)
        return error;
    struct launch launch = {.plan = plan,
                            .standard = {null, null, STDERR_FILENO},
                            .descriptors = {{theirs, EGRESS_CHANNEL_FD}},
                            .descriptor_count = 1};
    struct launched launched;
    error = launch_start(&launch, &launched);
    if (error)
        return error;
    network->process = launched.builder;
    network->setup = launched.setup;
    return 0;
}

// Why it did not come to its start, if that was before it: then the end of its channel is all that came there.
static int reason(int setup, int error)
{
    struct setup_message message;
    enum setup_event event = SETUP_EVENT_FAILED;
    while (event != SETUP_EVENT_EXECUTED) {
        AUTO_FD int fd = -1;
        if (launch_receive(setup, &event, &message, &fd) < 0)
            return error;
        if (event == SETUP_EVENT_FAILED)
            return -message.error;
    }
    return error;
}

int run_network_start(struct run_network *network, const struct plan_host *host, uid_t uid)
{
    struct egress_message message;
    struct plan_host outside = *host;
    outside.cgroups = false;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    network->uid = host->own_uids ? uid : geteuid();
    network->sandbox = id_new();
    int error = plan ? plan_egress(plan, &outside, uid, "warning", "text") : -ENOMEM;
    if (!error)
        error = launch(network, plan);
    if (!error)
        error = receive(network, EGRESS_READY, &message);
    if (!error && message.ready.version != EGRESS_CHANNEL_VERSION)
        error = -EPROTO;
    if (error) {
        error = reason(network->setup, error);
        fprintf(stderr, "sandbox-run: --net: %s/sandbox-egress does not start: %s%s\n", host->program_dir,
                strerror(-error), report_advice(-error));
    }
    cleanup_fd(&network->setup);
    network->setup = -1;
    return error;
}

int run_network_admit(struct run_network *network, const struct options *options, int listener)
{
    AUTO_FD int fd = listener;
    struct egress_message message = {.kind = EGRESS_ADD};
    message.add = (struct egress_add){.sandbox = network->sandbox,
                                      .connection_maximum = EGRESS_CONNECTIONS_PER_SANDBOX_MAX};
    struct egress_policy policy = {.rules = options->rules, .rule_count = options->rule_count};
    int error = request(network, &message, fd, EGRESS_ADDED, &message);
    if (!error)
        error = egress_policy_send(network->channel, &network->sandbox, &policy, 1);
    return error ? error : receive(network, EGRESS_POLICY_IN_FORCE, &message);
}

static void count(struct run_network *network)
{
    struct egress_message message = {.kind = EGRESS_REMOVE, .of_sandbox = {network->sandbox}};
    if (request(network, &message, -1, EGRESS_REMOVED, &message) < 0)
        return;
    network->counters = message.counters;
    network->counted = true;
}

void run_network_finish(struct run_network *network)
{
    if (network->process < 0)
        return;
    count(network);
    close(steal_fd(&network->channel)); // it ends with it
    struct pollfd end = {.fd = network->process, .events = POLLIN};
    if (poll(&end, 1, PATIENCE_S * 1000) != 1)
        launch_kill(network->process, network->uid);
    siginfo_t info;
    while (waitid(P_PIDFD, (id_t)network->process, &info, WEXITED) < 0 && errno == EINTR)
        ;
    close(steal_fd(&network->process));
}
