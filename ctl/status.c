// sandboxctl status and drain: what a script asks a node, and tells it.

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/http_get.h"
#include "lib/cleanup.h"
#include "store/notification.h"

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

static const char *local_host(const struct config *config)
{
    const char *host = config_text(config, CONFIG_HOST);
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

// A document of the node; NULL with ret_error set when there is none.
static json_t *ask(struct context *context, const char *path, unsigned *ret_status, int *ret_error)
{
    AUTO_FREE char *body = NULL;
    unsigned port = (unsigned)config_number(context->config, CONFIG_PORT);
    *ret_error = http_get(local_host(context->config), port, path, ret_status, &body);
    if (*ret_error)
        return NULL;
    json_t *document = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    *ret_error = document ? 0 : -EPROTO;
    return document;
}

static enum status verdict(const json_t *health, unsigned health_status, unsigned ready_status)
{
    if (!health)
        return STATUS_DOWN;
    if (health_status == 404)
        return STATUS_DRAINING;
    return health_status == 200 && ready_status == 200 ? STATUS_OK : STATUS_NOT_READY;
}

static const char *word_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ready";
    case STATUS_DRAINING:
        return "draining";
    case STATUS_NOT_READY:
        return "not ready";
    default:
        return "down";
    }
}

static void print_checks(const json_t *checks)
{
    const char *name;
    const json_t *check;
    json_object_foreach((json_t *)checks, name, check)
    {
        const char *detail = json_string_value(json_object_get(check, "detail"));
        printf("%-10s  %s%s%s\n", name, json_is_true(json_object_get(check, "ok")) ? "ok" : "failing",
               detail && *detail ? ": " : "", detail ? detail : "");
    }
}

int node_status(struct context *context)
{
    unsigned health_status = 0, ready_status = 0;
    int error, ready_error = 0;
    CLEANUP(cleanup_json) json_t *health = ask(context, "/health", &health_status, &error);
    CLEANUP(cleanup_json) json_t *ready = health ? ask(context, "/ready", &ready_status, &ready_error) : NULL;
    enum status status = verdict(health, health_status, ready_status);
    const json_t *checks = json_object_get(ready, "checks");
    if (context->options.values[OPTION_JSON]) {
        CLEANUP(cleanup_json)
        json_t *document = json_pack("{s:s, s:O?, s:O?, s:O?}", "status", word_of(status), "node",
                                     json_object_get(health, "node"), "version",
                                     json_object_get(health, "version"), "checks", checks);
        if (!document || json_dumpf(document, stdout, JSON_INDENT(2)))
            return complain_store(context, -ENOMEM);
        putchar('\n');
        return status;
    }
    printf("%s%s%s\n", word_of(status), health ? "" : ": ", health ? "" : strerror(-error));
    if (ready)
        print_checks(checks);
    return status;
}

int node_drain(struct context *context)
{
    const char *given = context->options.values[OPTION_NODE];
    const char *node = given ? given : config_text(context->config, CONFIG_NODE_ID);
    if (!*node || strlen(node) > NODE_ID_MAX) {
        complain(context, "--node: a node's name has 1 to %d bytes", NODE_ID_MAX);
        return STATUS_USAGE;
    }
    bool drain = !context->options.values[OPTION_OFF];
    int error = store_node_drain(context->store, node, drain);
    if (error)
        return complain_store(context, error);
    printf(drain ? "asked %s to take no new sandboxes\n" : "asked %s to take sandboxes again\n", node);
    return STATUS_OK;
}
