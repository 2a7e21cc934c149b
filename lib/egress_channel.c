#include "lib/egress_channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/channel.h"
#include "lib/cleanup.h"

static bool add_valid(const void *message)
{
    const struct egress_message *m = message;
    return m->add.connection_maximum >= 1 && m->add.reserved == 0 &&
           m->add.connection_maximum <= EGRESS_CONNECTIONS_PER_SANDBOX_MAX;
}

static bool begin_valid(const void *message)
{
    const struct egress_message *m = message;
    return m->policy_begin.rule_count <= EGRESS_RULES_MAX &&
           m->policy_begin.header_count <= EGRESS_HEADERS_MAX;
}

static bool header_valid(const void *message)
{
    const struct egress_message *m = message;
    return egress_header_valid(&m->header.header);
}

static bool rule_valid(const void *message)
{
    const struct egress_message *m = message;
    return egress_rule_valid(&m->rule.rule);
}

static bool refused_valid(const void *message)
{
    const struct egress_message *m = message;
    return m->refused.error > 0 && m->refused.request >= EGRESS_ADD && m->refused.request <= EGRESS_COUNT;
}

static bool in_force_valid(const void *message)
{
    const struct egress_message *m = message;
    return m->policy_in_force.reserved == 0;
}

static bool counters_valid(const void *message)
{
    const struct egress_message *m = message;
    return m->counters.reserved == 0;
}

#define BODY(member) sizeof(((struct egress_message *)0)->member)

static const struct channel_form forms[] = {
    [EGRESS_ADD] = {true, EGRESS_SIDE_SANDBOXD, BODY(add), 1, add_valid},
    [EGRESS_REMOVE] = {true, EGRESS_SIDE_SANDBOXD, BODY(of_sandbox), 0, NULL},
    [EGRESS_POLICY_BEGIN] = {true, EGRESS_SIDE_SANDBOXD, BODY(policy_begin), 0, begin_valid},
    [EGRESS_HEADER] = {true, EGRESS_SIDE_SANDBOXD, BODY(header), 0, header_valid},
    [EGRESS_RULE] = {true, EGRESS_SIDE_SANDBOXD, BODY(rule), 0, rule_valid},
    [EGRESS_POLICY_COMMIT] = {true, EGRESS_SIDE_SANDBOXD, BODY(policy_commit), 0, NULL},
    [EGRESS_COUNT] = {true, EGRESS_SIDE_SANDBOXD, BODY(of_sandbox), 0, NULL},
    [EGRESS_READY] = {true, EGRESS_SIDE_EGRESS, BODY(ready), 0, NULL},
    [EGRESS_ADDED] = {true, EGRESS_SIDE_EGRESS, BODY(of_sandbox), 0, NULL},
    [EGRESS_REFUSED] = {true, EGRESS_SIDE_EGRESS, BODY(refused), 0, refused_valid},
    [EGRESS_POLICY_IN_FORCE] = {true, EGRESS_SIDE_EGRESS, BODY(policy_in_force), 0, in_force_valid},
    [EGRESS_COUNT_ALL] = {true, EGRESS_SIDE_SANDBOXD, 0, 0, NULL},
    [EGRESS_TOTALS] = {true, EGRESS_SIDE_EGRESS, BODY(totals), 0, NULL},
    [EGRESS_COUNTERS] = {true, EGRESS_SIDE_EGRESS, BODY(counters), 0, counters_valid},
    [EGRESS_REMOVED] = {true, EGRESS_SIDE_EGRESS, BODY(counters), 0, counters_valid},
};

static const struct channel_codec codec = {.forms = forms,
                                           .form_count = sizeof(forms) / sizeof(forms[0]),
                                           .header = offsetof(struct egress_message, add),
                                           .capacity = sizeof(struct egress_message)};

size_t egress_message_size(uint32_t kind)
{
    return channel_message_size(&codec, kind);
}

// All bodies start with the sandbox, but for those of what concerns all of them.
static bool names_sandbox(const struct egress_message *message)
{
    bool of_all =
        message->kind == EGRESS_READY || message->kind == EGRESS_COUNT_ALL || message->kind == EGRESS_TOTALS;
    return of_all || !id_is_nil(&message->of_sandbox.sandbox);
}

int egress_message_decode(const void *data, size_t length, size_t fd_count, enum egress_side sender,
                          struct egress_message *ret_message)
{
    struct egress_message message = {0};
    if (channel_message_take(&codec, data, length, fd_count, sender, &message) < 0 ||
        !names_sandbox(&message))
        return -EPROTO;
    *ret_message = message;
    explicit_bzero(&message, sizeof(message)); // it may hold a header's value
    return 0;
}

int egress_message_send(int socket, const struct egress_message *message, enum egress_side sender, int fd)
{
    struct egress_message checked;
    size_t size = egress_message_size(message->kind);
    if (egress_message_decode(message, size, fd >= 0 ? 1 : 0, sender, &checked) < 0)
        abort();
    explicit_bzero(&checked, sizeof(checked));
    return ipc_send(socket, message, size, &fd, fd >= 0 ? 1 : 0);
}

static bool policy_valid(const struct egress_policy *policy)
{
    if (policy->rule_count > EGRESS_RULES_MAX || policy->header_count > EGRESS_HEADERS_MAX)
        return false;
    for (uint32_t i = 0; i < policy->header_count; i++) {
        if (!egress_header_valid(&policy->headers[i]))
            return false;
    }
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        if (!egress_rule_valid(&policy->rules[i]) || policy->rules[i].header > policy->header_count)
            return false;
    }
    return true;
}

static void cleanup_message(struct egress_message *message)
{
    explicit_bzero(message, sizeof(*message));
}

int egress_policy_send(int socket, const struct id *sandbox, const struct egress_policy *policy,
                       uint64_t serial)
{
    if (!policy_valid(policy))
        return -EINVAL;
    CLEANUP(cleanup_message) struct egress_message message = {.kind = EGRESS_POLICY_BEGIN};
    message.policy_begin = (struct egress_policy_begin){*sandbox, policy->rule_count, policy->header_count};
    int error = egress_message_send(socket, &message, EGRESS_SIDE_SANDBOXD, -1);
    for (uint32_t i = 0; i < policy->header_count && !error; i++) {
        message.kind = EGRESS_HEADER;
        message.header = (struct egress_header_message){*sandbox, policy->headers[i]};
        error = egress_message_send(socket, &message, EGRESS_SIDE_SANDBOXD, -1);
    }
    for (uint32_t i = 0; i < policy->rule_count && !error; i++) {
        message.kind = EGRESS_RULE;
        message.rule = (struct egress_rule_message){*sandbox, policy->rules[i]};
        error = egress_message_send(socket, &message, EGRESS_SIDE_SANDBOXD, -1);
    }
    if (error)
        return error;
    message.kind = EGRESS_POLICY_COMMIT;
    message.policy_commit = (struct egress_policy_commit){*sandbox, serial};
    return egress_message_send(socket, &message, EGRESS_SIDE_SANDBOXD, -1);
}

int egress_listener_open(int *ret_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(EGRESS_LISTENER_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // SO_REUSEADDR, or connections that are still closing would keep it from listening again.
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int egress_listener_silence(int fd)
{
    // A listening socket leaves LISTEN and keeps its port; listen(2) brings it back.
    return shutdown(fd, SHUT_RDWR) < 0 && errno != ENOTCONN ? -errno : 0;
}
