// sandboxctl sandbox show: one row, for people or programs.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/listing.h"
#include "ctl/sandbox.h"
#include "lib/cleanup.h"
#include "store/account.h"

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

int sandbox_operand(const struct context *context, struct id *ret_id)
{
    const char *text = context->options.operand;
    if (text && id_parse(text, ret_id) == 0)
        return STATUS_OK;
    complain(context, "give the id of a sandbox, as sandboxctl sandbox list shows it");
    return STATUS_USAGE;
}

int sandbox_row(struct context *context, struct store_sandbox *ret_row)
{
    struct id id;
    int status = sandbox_operand(context, &id);
    if (status)
        return status;
    int error = store_sandbox_get(context->store, &id, NULL, ret_row);
    if (error == -ENOENT) {
        complain(context, "%s: no such sandbox", context->options.operand);
        return STATUS_FAILED;
    }
    return error ? complain_store(context, error) : STATUS_OK;
}

json_t *sandbox_limits_json(const struct sandbox_limits *limits)
{
    return json_pack("{s:i, s:i, s:i}", "memory_mb", (int)limits->memory_mb, "cpu_percent",
                     (int)limits->cpu_percent, "pids", (int)limits->pids);
}

void sandbox_print_network(const char *network, const char *indent)
{
    CLEANUP(cleanup_json) json_t *document = json_loads(network, 0, NULL);
    const json_t *rules = json_object_get(document, "rules"), *rule;
    size_t i;
    if (json_array_size(rules) == 0)
        printf("%snothing\n", indent);
    json_array_foreach(rules, i, rule)
    {
        const json_t *to = json_is_object(rule) ? json_object_get(rule, "to") : rule;
        const char *header = json_string_value(json_object_get(json_object_get(rule, "header"), "name"));
        printf("%s%s%s%s\n", indent, json_string_value(to), header ? "  with header " : "",
               header ? header : "");
    }
}

static json_t *amount(uint64_t value)
{
    return value == UINT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static json_t *describe(const struct store_sandbox *row, const char *username)
{
    char id[ID_TEXT_SIZE];
    id_format(&row->id, id);
    json_t *document = json_pack(
        "{s:s, s:s?, s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:s?, s:s}", "id", id, "username",
        username, "template", row->template_name, "node", row->node, "state", store_state_name(row->state),
        "start", store_start_name(row->start), "created_at", listing_time(row->created_us), "started_at",
        listing_time(row->started_us), "ended_at", listing_time(row->ended_us), "expires_at",
        listing_time(row->expires_us), "idle_expires_at", listing_time(row->idle_expires_us), "stop_reason",
        row->stop_reason ? stop_reason_name(row->stop_reason) : NULL, "stop_detail", row->stop_detail);
    json_t *usage = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu_us", amount(row->usage.cpu_us),
        "peak_memory_bytes", amount(row->usage.peak_memory_bytes), "network_in_bytes",
        amount(row->usage.network_in_bytes), "network_out_bytes", amount(row->usage.network_out_bytes),
        "network_allowed", amount(row->usage.network_allowed), "network_refused",
        amount(row->usage.network_refused), "processes", amount(row->usage.processes), "refused_processes",
        amount(row->usage.refused_processes), "written_bytes", amount(row->usage.written_bytes));
    int failed = json_object_set_new(document, "limits", sandbox_limits_json(&row->limits)) |
                 json_object_set_new(document, "network", json_loads(row->network, 0, NULL)) |
                 json_object_set_new(document, "usage", usage);
    if (!failed)
        return document;
    json_decref(document);
    return NULL;
}

static void print_text(const json_t *document, const struct store_sandbox *row)
{
    static const char *const lines[] = {
        "id",         "username",   "template",        "node",     "state",       "start",      "created_at",
        "started_at", "expires_at", "idle_expires_at", "ended_at", "stop_reason", "stop_detail"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *text = json_string_value(json_object_get(document, lines[i]));
        if (text && *text)
            printf("%-16s %s\n", lines[i], text);
    }
    printf("%-16s %u MiB memory, %u %% of a processor, %u processes\n", "limits", row->limits.memory_mb,
           row->limits.cpu_percent, row->limits.pids);
    printf("network:\n");
    sandbox_print_network(row->network, "  ");
    const char *name;
    const json_t *value;
    json_object_foreach(json_object_get(document, "usage"), name, value)
    {
        if (json_is_integer(value))
            printf("%-16s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
    }
}

int sandbox_show(struct context *context)
{
    struct store_sandbox row;
    struct store_account account = {0};
    int status = sandbox_row(context, &row);
    if (status)
        return status;
    int error = store_account_by_id(context->store, &row.account, &account);
    if (error && error != -ENOENT)
        return complain_store(context, error);
    CLEANUP(cleanup_json) json_t *document = describe(&row, error ? NULL : account.username);
    if (!document)
        return complain_store(context, -ENOMEM);
    if (!context->options.values[OPTION_JSON]) {
        print_text(document, &row);
        return STATUS_OK;
    }
    if (json_dumpf(document, stdout, JSON_INDENT(2)))
        return complain_store(context, -ENOMEM);
    putchar('\n');
    return STATUS_OK;
}
