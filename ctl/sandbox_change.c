// sandboxctl sandbox network and limits: shows them, or asks the sandbox's node to change them and waits for its answer.

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/command.h"
#include "ctl/sandbox.h"
#include "lib/cleanup.h"
#include "lib/egress_rule.h"
#include "store/change.h"
#include "store/notification.h"

#define ANSWER_MS 12000 // a node waits 10 s for its sandboxd

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

static void cleanup_store(struct store **store)
{
    store_free(*store);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Until that change is announced as answered, or the time is up, or the connection breaks: what became of it is asked afterwards.
static void wait_answered(struct store *listener, const struct id *change)
{
    int64_t end = now_ms() + ANSWER_MS;
    for (;;) {
        struct store_notification notification;
        int error = store_next_notification(listener, &notification);
        int64_t left = end - now_ms();
        struct pollfd wait = {.fd = store_listen_socket(listener), .events = POLLIN};
        if (!error && notification.kind == NOTIFICATION_CHANGED && id_equal(&notification.id, change))
            return;
        if (error == -ENOTCONN || left <= 0)
            return;
        if (error == -EAGAIN && poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return;
    }
}

static int report(struct context *context, const struct store_change *change)
{
    bool answered;
    char problem[STORE_CHANGE_PROBLEM_MAX + 1];
    int error = store_change_take(context->store, &change->id, &answered, problem);
    if (error && error != -ENOENT)
        return complain_store(context, error);
    if (error || !answered) {
        complain(context,
                 "the sandbox's node does not answer; whether it was changed is shown by sandboxctl sandbox "
                 "show %s",
                 context->options.operand);
        return STATUS_DOWN;
    }
    if (!*problem)
        return STATUS_OK;
    complain(context, "%s", problem);
    return STATUS_FAILED;
}

// Takes the wish.
static int ask(struct context *context, const struct id *sandbox, json_t *wish)
{
    CLEANUP(cleanup_json) json_t *owned = wish;
    (void)owned; // only to be given back
    AUTO_FREE char *text = wish ? json_dumps(wish, JSON_COMPACT) : NULL;
    struct store_change change = {.id = id_new(), .sandbox = *sandbox};
    CLEANUP(cleanup_store)
    struct store *listener = store_new(config_text(context->config, CONFIG_DATABASE_URL));
    if (!text || !listener)
        return complain_store(context, -ENOMEM);
    if (strlen(text) > STORE_CHANGE_MAX) {
        complain(context, "too many rules, or too long ones: use wildcards");
        return STATUS_USAGE;
    }
    memcpy(change.wish, text, strlen(text) + 1);
    int error = store_listen(listener);
    if (!error)
        error = store_change_ask(context->store, &change);
    if (error == -ENOENT) {
        complain(context, "%s: it is not running", context->options.operand);
        return STATUS_FAILED;
    }
    if (error)
        return complain_store(context, error);
    wait_answered(listener, &change.id);
    return report(context, &change);
}

static int print_json(struct context *context, json_t *document)
{
    CLEANUP(cleanup_json) json_t *owned = document;
    if (!owned || json_dumpf(owned, stdout, JSON_INDENT(2)))
        return complain_store(context, -ENOMEM);
    putchar('\n');
    return STATUS_OK;
}

// NULL with the complaint made.
static json_t *wished_rules(const struct context *context)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < context->options.repeated[OPTION_ALLOW].count; i++) {
        const char *text = context->options.repeated[OPTION_ALLOW].items[i];
        struct egress_rule rule;
        if (egress_rule_parse(text, &rule) < 0) {
            complain(context,
                     "--allow %s: not a destination. Write a domain, *. and a domain, an address or a "
                     "network such "
                     "as 10.0.0.0/8, then perhaps a colon and ports: *.example.org:443",
                     text);
            json_decref(rules);
            return NULL;
        }
        (void)json_array_append_new(rules, json_string(text)); // one short shows below
    }
    if (json_array_size(rules) == context->options.repeated[OPTION_ALLOW].count)
        return rules;
    json_decref(rules);
    complain_store(context, -ENOMEM);
    return NULL;
}

static int show_network(struct context *context)
{
    struct store_sandbox row;
    int status = sandbox_row(context, &row);
    if (!status && context->options.values[OPTION_JSON])
        return print_json(context, json_loads(row.network, 0, NULL));
    if (!status)
        sandbox_print_network(row.network, "");
    return status;
}

int sandbox_network(struct context *context)
{
    bool none = context->options.values[OPTION_NONE] != NULL;
    bool allow = context->options.values[OPTION_ALLOW] != NULL;
    struct store_sandbox row;
    if (none && allow) {
        complain(context, "give --allow or --none, not both");
        return STATUS_USAGE;
    }
    if (!none && !allow)
        return show_network(context);
    json_t *rules = wished_rules(context);
    if (!rules)
        return STATUS_USAGE;
    int status = sandbox_row(context, &row);
    if (status) {
        json_decref(rules);
        return status;
    }
    json_t *wish = json_pack("{s:{s:s, s:o}}", "network", "mode", none ? "none" : "allow", "rules", rules);
    status = ask(context, &row.id, wish);
    if (status)
        return status;
    if (strstr(row.network, "\"header\""))
        complain(context, "the headers that its owner's rules added are gone with those rules");
    return show_network(context);
}

static int show_limits(struct context *context)
{
    struct store_sandbox row;
    int status = sandbox_row(context, &row);
    if (!status && context->options.values[OPTION_JSON])
        return print_json(context, sandbox_limits_json(&row.limits));
    if (!status)
        printf("memory %u\ncpu    %u\npids   %u\n", row.limits.memory_mb, row.limits.cpu_percent,
               row.limits.pids);
    return status;
}

// STATUS_OK with the number added to the wish where the option is given.
static int add_limit(const struct context *context, enum option option, const char *name, unsigned least,
                     unsigned most, json_t *limits)
{
    const char *text = context->options.values[option];
    char *end;
    if (!text)
        return STATUS_OK;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < least || value > most) {
        complain(context, "%s %s: it must be a whole number from %u to %u", option_text(option), text, least,
                 most);
        return STATUS_USAGE;
    }
    return json_object_set_new(limits, name, json_integer((json_int_t)value)) ? STATUS_FAILED : STATUS_OK;
}

int sandbox_limits(struct context *context)
{
    struct id id;
    int status = sandbox_operand(context, &id);
    CLEANUP(cleanup_json) json_t *limits = json_object();
    if (!status)
        status =
            add_limit(context, OPTION_MEMORY, "memory_mb", MEMORY_LIMIT_MIN_MB, MEMORY_LIMIT_MAX_MB, limits);
    if (!status)
        status = add_limit(context, OPTION_CPU, "cpu_percent", 1, CPU_PERCENT_MAX, limits);
    if (!status)
        status = add_limit(context, OPTION_PIDS, "pids", PID_LIMIT_MIN, PID_LIMIT_MAX, limits);
    if (!status && json_object_size(limits) > 0)
        status = ask(context, &id, json_pack("{s:O}", "limits", limits));
    return status ? status : show_limits(context);
}
