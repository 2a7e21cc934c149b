#include "lib/sandboxd_channel.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/channel.h"

#define ERRNO_MAX 4095u // of the kernel (include/linux/err.h)

static bool limits_valid(const struct sandbox_limits *limits)
{
    return limits->memory_mb >= MEMORY_LIMIT_MIN_MB && limits->memory_mb <= MEMORY_LIMIT_MAX_MB &&
           limits->cpu_percent >= 1 && limits->cpu_percent <= CPU_PERCENT_MAX &&
           limits->pids >= PID_LIMIT_MIN && limits->pids <= PID_LIMIT_MAX;
}

static bool policy_fits(const struct sandboxd_create *create)
{
    static const struct stream_policy none;
    return create->template_id == TEMPLATE_DESKTOP ? stream_policy_valid(&create->policy)
                                                   : memcmp(&create->policy, &none, sizeof(none)) == 0;
}

static bool create_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    const struct sandboxd_create *create = &m->create;
    return !id_is_nil(&create->sandbox) && !id_is_nil(&create->owner) && create->account_number >= 1 &&
           create->account_number <= ACCOUNT_NUMBER_MAX && create->template_id < TEMPLATE_COUNT &&
           limits_valid(&create->limits) && create->network <= 1 && policy_fits(create);
}

static bool stop_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->stop.reason > STOP_NONE && m->stop.reason < STOP_REASON_COUNT;
}

static bool attach_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    static const uint8_t zero[sizeof(m->attach.reserved)];
    return m->attach.view_only <= 1 && m->attach.alone <= 1 &&
           memcmp(m->attach.reserved, zero, sizeof(zero)) == 0;
}

static bool run_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return !id_is_nil(&m->run.sandbox) && command_words_take(&m->run.command, NULL);
}

static bool set_limits_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return !id_is_nil(&m->set_limits.sandbox) && limits_valid(&m->set_limits.limits) &&
           m->set_limits.reserved == 0;
}

static bool limits_set_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->limits_set.error >= 0 && (m->limits_set.error > 0 || limits_valid(&m->limits_set.limits));
}

static bool network_begin_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->network_begin.rule_count <= EGRESS_RULES_MAX &&
           m->network_begin.header_count <= EGRESS_HEADERS_MAX;
}

static bool network_header_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return egress_header_valid(&m->network_header);
}

static bool network_rule_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return egress_rule_valid(&m->network_rule);
}

static bool set_network_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return !id_is_nil(&m->set_network.sandbox) && m->set_network.serial > 0;
}

static bool network_set_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->network_set.error >= 0 && m->network_set.serial > 0;
}

static bool welcome_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        const struct layer_report *layer = &m->welcome.layers[i];
        if (layer->state > LAYER_ON || strnlen(layer->detail, sizeof(layer->detail)) == sizeof(layer->detail))
            return false;
    }
    return m->welcome.display_width >= DISPLAY_WIDTH_MIN && m->welcome.display_width <= DISPLAY_WIDTH_MAX &&
           m->welcome.display_height >= DISPLAY_HEIGHT_MIN && m->welcome.display_height <= DISPLAY_HEIGHT_MAX;
}

static bool ready_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->ready.parked <= 1;
}

static bool pool_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        const struct sandboxd_pool_row *row = &m->pool.rows[i];
        if (row->size > SANDBOX_POOL_MAX || row->ready > row->size || row->building > SANDBOX_POOL_MAX)
            return false;
    }
    return m->pool.foundation_error <= ERRNO_MAX;
}

static bool failed_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->failed.stage < START_STAGE_COUNT && m->failed.error > 0;
}

static bool ended_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->ended.reason > STOP_NONE && m->ended.reason < STOP_REASON_COUNT;
}

static bool entry_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->entry.template_id < TEMPLATE_COUNT && m->entry.ready <= 1 && limits_valid(&m->entry.limits) &&
           m->entry.header_count <= EGRESS_HEADERS_MAX && m->entry.rule_count <= EGRESS_RULES_MAX;
}

static bool entry_header_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return egress_header_name_valid(m->entry_header.name);
}

static bool entry_rule_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return egress_rule_valid(&m->entry_rule);
}

static bool attach_failed_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->attach_failed.error > 0;
}

static bool export_failed_valid(const void *message)
{
    const struct sandboxd_message *m = message;
    return m->export_failed.error > 0;
}

#define BODY(member) sizeof(((struct sandboxd_message *)0)->member)

static const struct channel_form forms[] = {
    [SANDBOXD_HELLO] = {true, CHANNEL_CLIENT, BODY(hello), 0, NULL},
    [SANDBOXD_CREATE] = {true, CHANNEL_CLIENT, BODY(create), 0, create_valid},
    [SANDBOXD_STOP] = {true, CHANNEL_CLIENT, BODY(stop), 0, stop_valid},
    [SANDBOXD_LIST] = {true, CHANNEL_CLIENT, 0, 0, NULL},
    [SANDBOXD_ATTACH] = {true, CHANNEL_CLIENT, BODY(attach), 0, attach_valid},
    [SANDBOXD_SET_LIMITS] = {true, CHANNEL_CLIENT, BODY(set_limits), 0, set_limits_valid},
    [SANDBOXD_NETWORK_BEGIN] = {true, CHANNEL_CLIENT, BODY(network_begin), 0, network_begin_valid},
    [SANDBOXD_NETWORK_HEADER] = {true, CHANNEL_CLIENT, BODY(network_header), 0, network_header_valid},
    [SANDBOXD_NETWORK_RULE] = {true, CHANNEL_CLIENT, BODY(network_rule), 0, network_rule_valid},
    [SANDBOXD_SET_NETWORK] = {true, CHANNEL_CLIENT, BODY(set_network), 0, set_network_valid},
    [SANDBOXD_RUN] = {true, CHANNEL_CLIENT, BODY(run), 0, run_valid},
    [SANDBOXD_EXPORT] = {true, CHANNEL_CLIENT, BODY(export), 0, NULL},
    [SANDBOXD_WELCOME] = {true, CHANNEL_SERVER, BODY(welcome), 0, welcome_valid},
    [SANDBOXD_READY] = {true, CHANNEL_SERVER, BODY(ready), 0, ready_valid},
    [SANDBOXD_FAILED] = {true, CHANNEL_SERVER, BODY(failed), 0, failed_valid},
    [SANDBOXD_ENDED] = {true, CHANNEL_SERVER, BODY(ended), 0, ended_valid},
    [SANDBOXD_ENTRY] = {true, CHANNEL_SERVER, BODY(entry), 0, entry_valid},
    [SANDBOXD_ENTRY_HEADER] = {true, CHANNEL_SERVER, BODY(entry_header), 0, entry_header_valid},
    [SANDBOXD_ENTRY_RULE] = {true, CHANNEL_SERVER, BODY(entry_rule), 0, entry_rule_valid},
    [SANDBOXD_LIST_END] = {true, CHANNEL_SERVER, 0, 0, NULL},
    [SANDBOXD_ATTACHED] = {true, CHANNEL_SERVER, BODY(attached), 1, NULL},
    [SANDBOXD_ATTACH_FAILED] = {true, CHANNEL_SERVER, BODY(attach_failed), 0, attach_failed_valid},
    [SANDBOXD_LIMITS_SET] = {true, CHANNEL_SERVER, BODY(limits_set), 0, limits_set_valid},
    [SANDBOXD_NETWORK_SET] = {true, CHANNEL_SERVER, BODY(network_set), 0, network_set_valid},
    [SANDBOXD_EGRESS] = {true, CHANNEL_SERVER, BODY(egress), 0, NULL},
    [SANDBOXD_POOL] = {true, CHANNEL_SERVER, BODY(pool), 0, pool_valid},
    [SANDBOXD_EXPORTED] = {true, CHANNEL_SERVER, BODY(exported), 1, NULL},
    [SANDBOXD_EXPORT_FAILED] = {true, CHANNEL_SERVER, BODY(export_failed), 0, export_failed_valid},
};

static const struct channel_codec codec = {.forms = forms,
                                           .form_count = sizeof(forms) / sizeof(forms[0]),
                                           .header = offsetof(struct sandboxd_message, hello),
                                           .capacity = sizeof(struct sandboxd_message)};

size_t sandboxd_message_size(uint32_t kind)
{
    return channel_message_size(&codec, kind);
}

int sandboxd_message_decode(const void *data, size_t length, size_t fd_count, enum channel_side sender,
                            struct sandboxd_message *ret_message)
{
    struct sandboxd_message message = {0};
    if (channel_message_take(&codec, data, length, fd_count, sender, &message) < 0)
        return -EPROTO;
    *ret_message = message;
    explicit_bzero(&message, sizeof(message)); // it may hold a header's value
    return 0;
}

int sandboxd_message_send(int socket, const struct sandboxd_message *message, enum channel_side sender,
                          int fd)
{
    struct sandboxd_message checked;
    size_t size = sandboxd_message_size(message->kind);
    if (sandboxd_message_decode(message, size, fd >= 0 ? 1 : 0, sender, &checked) < 0)
        abort();
    explicit_bzero(&checked, sizeof(checked));
    return ipc_send(socket, message, size, &fd, fd >= 0 ? 1 : 0);
}

const char *template_name(uint32_t template_id)
{
    static const char *const names[TEMPLATE_COUNT] = {
        [TEMPLATE_DESKTOP] = "desktop", [TEMPLATE_CODE] = "code"};
    return template_id < TEMPLATE_COUNT ? names[template_id] : NULL;
}

const char *start_stage_name(uint32_t stage)
{
    static const char *const names[START_STAGE_COUNT] = {
        [START_REFUSED] = "refused", [START_HOME] = "home",
        [START_CGROUP] = "cgroup",   [START_NAMESPACES] = "namespaces",
        [START_MOUNTS] = "mounts",   [START_CONFINEMENT] = "confinement",
        [START_DISPLAY] = "display", [START_WINDOW_MANAGER] = "window_manager",
    };
    return stage < START_STAGE_COUNT ? names[stage] : NULL;
}
