// A sandbox-egress that was taken over: takes one policy of each sandbox, refuses every other, and counts what it likes.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/egress_channel.h"

static void say(struct egress_message *message)
{
    if (egress_message_send(EGRESS_CHANNEL_FD, message, EGRESS_SIDE_EGRESS, -1) < 0)
        exit(EXIT_FAILURE);
}

static void answer(const struct egress_message *request, bool *taken)
{
    struct egress_message message = {.of_sandbox = {request->of_sandbox.sandbox}};
    switch (request->kind) {
    case EGRESS_ADD:
        message.kind = EGRESS_ADDED;
        break;
    case EGRESS_REMOVE:
        message.kind = EGRESS_REMOVED;
        break;
    case EGRESS_COUNT_ALL:
        message =
            (struct egress_message){.kind = EGRESS_TOTALS, .totals = {.bytes_in = UINT64_MAX, .open = 1}};
        break;
    case EGRESS_POLICY_COMMIT:
        message.kind = *taken ? EGRESS_REFUSED : EGRESS_POLICY_IN_FORCE;
        if (*taken)
            message.refused =
                (struct egress_refused){request->of_sandbox.sandbox, EGRESS_POLICY_COMMIT, ENOMEM};
        else
            message.policy_in_force.serial = request->policy_commit.serial;
        *taken = true;
        break;
    default:
        return;
    }
    say(&message);
}

int main(void)
{
    bool taken = false;
    struct egress_message ready = {.kind = EGRESS_READY, .ready = {EGRESS_CHANNEL_VERSION, 1024}};
    say(&ready);
    for (;;) {
        struct egress_message buffer, message;
        AUTO_PACKET struct ipc_packet packet = {0};
        struct pollfd wait = {.fd = EGRESS_CHANNEL_FD, .events = POLLIN};
        if (poll(&wait, 1, -1) < 0)
            return EXIT_FAILURE;
        if (ipc_receive(EGRESS_CHANNEL_FD, &buffer, sizeof(buffer), &packet) < 0)
            return EXIT_SUCCESS;
        if (egress_message_decode(&buffer, packet.length, packet.fd_count, EGRESS_SIDE_SANDBOXD, &message) ==
            0)
            answer(&message, &taken);
    }
}
