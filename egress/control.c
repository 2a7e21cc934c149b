#include "egress/control.h"

#include <errno.h>
#include <string.h>

#include "egress/sandbox.h"
#include "lib/cleanup.h"
#include "lib/log.h"

static void end(struct control *control, const char *why)
{
    log_error("sandbox-egress ends", {"why", why});
    loop_stop(&control->proxy->loop);
}

static void answer(struct control *control, const struct egress_message *message)
{
    struct loop *loop = &control->proxy->loop;
    int error = egress_message_send(control->channel.fd, message, EGRESS_SIDE_EGRESS, -1);
    if (error == -EAGAIN) {
        control->answer = *message;
        control->answer_waits = true;
        error = loop_watch(loop, &control->channel, EPOLLOUT);
    } else if (!error) {
        control->answer_waits = false;
        error = loop_watch(loop, &control->channel, EPOLLIN);
    }
    if (error)
        end(control, strerror(-error));
}

static void refuse(struct control *control, const struct id *sandbox, uint32_t request, int error)
{
    struct egress_message message = {.kind = EGRESS_REFUSED};
    message.refused = (struct egress_refused){.sandbox = *sandbox, .request = request, .error = -error};
    answer(control, &message);
}

static int add(struct control *control, const struct egress_add *request, int fd)
{
    int error = sandbox_add(control->proxy, request, fd);
    if (error)
        return error;
    struct egress_message message = {.kind = EGRESS_ADDED, .of_sandbox = {request->sandbox}};
    answer(control, &message);
    return 0;
}

static int count(struct control *control, const struct id *id, bool and_remove)
{
    struct sandbox *sandbox = sandbox_find(control->proxy, id);
    struct egress_message message = {.kind = and_remove ? EGRESS_REMOVED : EGRESS_COUNTERS};
    if (!sandbox)
        return -ENOENT;
    message.counters = sandbox->counters;
    if (and_remove)
        sandbox_remove(sandbox);
    answer(control, &message);
    return 0;
}

static int count_all(struct control *control)
{
    struct egress_message message = {.kind = EGRESS_TOTALS, .totals = control->proxy->totals};
    message.totals.open = control->proxy->open;
    answer(control, &message);
    return 0;
}

static void stop_staging(struct control *control)
{
    control->staging = false;
    explicit_bzero(control->headers, sizeof(control->headers));
}

static int stage(struct control *control, const struct egress_message *message)
{
    switch (message->kind) {
    case EGRESS_POLICY_BEGIN:
        control->staging = true;
        control->staged_sandbox = message->policy_begin.sandbox;
        control->rules_left = message->policy_begin.rule_count;
        control->headers_left = message->policy_begin.header_count;
        control->staged = (struct egress_policy){.rules = control->rules, .headers = control->headers};
        return 0;
    case EGRESS_HEADER:
        if (control->headers_left == 0)
            return -EPROTO;
        control->headers_left--;
        control->headers[control->staged.header_count++] = message->header.header;
        return 0;
    default:
        if (control->rules_left == 0 || control->headers_left > 0)
            return -EPROTO;
        control->rules_left--;
        control->rules[control->staged.rule_count++] = message->rule.rule;
        return 0;
    }
}

static int commit(struct control *control, const struct egress_policy_commit *request)
{
    struct sandbox *sandbox = sandbox_find(control->proxy, &request->sandbox);
    struct policy *policy = sandbox ? policy_new(&control->staged) : NULL;
    stop_staging(control);
    if (!sandbox)
        return -ENOENT;
    if (!policy)
        return -EINVAL;
    struct egress_message message = {.kind = EGRESS_POLICY_IN_FORCE};
    message.policy_in_force = (struct egress_policy_in_force){.sandbox = request->sandbox,
                                                              .serial = request->serial,
                                                              .closed = sandbox_set_policy(sandbox, policy)};
    answer(control, &message);
    return 0;
}

static bool expected(const struct control *control, const struct egress_message *message)
{
    bool part = message->kind == EGRESS_HEADER || message->kind == EGRESS_RULE;
    if (message->kind == EGRESS_POLICY_COMMIT)
        return control->staging && control->rules_left == 0 && control->headers_left == 0 &&
               id_equal(&message->of_sandbox.sandbox, &control->staged_sandbox);
    if (!control->staging)
        return !part;
    return part && id_equal(&message->of_sandbox.sandbox, &control->staged_sandbox);
}

// -EPROTO ends the proxy, another failure is an answer.
static int handle(struct control *control, const struct egress_message *message, int fd)
{
    if (!expected(control, message))
        return -EPROTO;
    switch (message->kind) {
    case EGRESS_ADD:
        return add(control, &message->add, fd);
    case EGRESS_REMOVE:
        return count(control, &message->of_sandbox.sandbox, true);
    case EGRESS_COUNT:
        return count(control, &message->of_sandbox.sandbox, false);
    case EGRESS_COUNT_ALL:
        return count_all(control);
    case EGRESS_POLICY_COMMIT:
        return commit(control, &message->policy_commit);
    default:
        return stage(control, message);
    }
}

static void wipe(struct egress_message *message)
{
    explicit_bzero(message, sizeof(*message));
}

static void on_channel(struct watch *watch, uint32_t events)
{
    struct control *control = CONTAINER_OF(watch, struct control, channel);
    CLEANUP(wipe) struct egress_message buffer;
    CLEANUP(wipe) struct egress_message message;
    AUTO_PACKET struct ipc_packet packet = {0};

    if (control->answer_waits) {
        if (events & EPOLLOUT)
            answer(control, &control->answer);
        else
            end(control, "sandboxd has ended");
        return;
    }
    int error = ipc_receive(watch->fd, &buffer, sizeof(buffer), &packet);
    if (error == -EAGAIN)
        return;
    if (error == -ECONNRESET) {
        log_info("sandboxd has closed the channel: sandbox-egress ends");
        loop_stop(&control->proxy->loop);
        return;
    }
    if (!error)
        error =
            egress_message_decode(&buffer, packet.length, packet.fd_count, EGRESS_SIDE_SANDBOXD, &message);
    if (error) {
        end(control, "wrong message from sandboxd");
        return;
    }
    error = handle(control, &message, packet.fd_count > 0 ? steal_fd(&packet.fds[0]) : -1);
    if (error == -EPROTO)
        end(control, "message out of order from sandboxd");
    else if (error)
        refuse(control, &message.of_sandbox.sandbox, message.kind, error);
}

int control_start(struct control *control, struct proxy *proxy, int channel)
{
    *control = (struct control){.proxy = proxy, .channel = {.fd = channel, .ready = on_channel}};
    struct egress_message message = {.kind = EGRESS_READY};
    message.ready = (struct egress_ready){.version = EGRESS_CHANNEL_VERSION,
                                          .connection_maximum = proxy->connection_maximum};
    answer(control, &message);
    return proxy->loop.stopped ? -EPIPE : 0;
}

void control_finish(struct control *control)
{
    stop_staging(control);
    loop_close(&control->proxy->loop, &control->channel);
}
