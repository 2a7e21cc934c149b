#include "server/sandbox_json.h"

#include <ctype.h>
#include <string.h>

#include "server/clock.h"
#include "server/policy_json.h"

json_t *time_json(int64_t wall_us)
{
    if (!wall_us)
        return json_null();
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_us, text);
    return json_string(text);
}

json_t *layers_json(const struct layer_report *layers)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        json_t *layer = json_pack("{s:s, s:s, s:s}", "name", layer_name(i), "state",
                                  layer_state_name(layers[i].state), "detail", layers[i].detail);
        if (json_array_append_new(array, layer) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *limits_json(const struct sandbox_limits *limits, json_int_t session_seconds,
                           json_int_t idle_seconds)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "memory_mb", (json_int_t)limits->memory_mb, "cpu_percent",
                     (json_int_t)limits->cpu_percent, "pids", (json_int_t)limits->pids, "session_seconds",
                     session_seconds, "idle_seconds", idle_seconds);
}

static json_t *display_json(unsigned width, unsigned height)
{
    return json_pack("{s:i, s:i}", "width", (int)width, "height", (int)height);
}

static json_t *stop_json(const struct store_sandbox *row)
{
    if (row->state != STATE_ENDED || row->stop_reason == STOP_NONE)
        return json_null();
    return json_pack("{s:s, s:s}", "reason", stop_reason_name(row->stop_reason), "detail", row->stop_detail);
}

static json_t *known_number(uint64_t value, double unit)
{
    return value == UINT64_MAX ? json_null() : json_real((double)value / unit);
}

static json_t *known_count(uint64_t value)
{
    return value == UINT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static json_t *network_json(const struct store_sandbox *row)
{
    return json_loads(row->network, JSON_REJECT_DUPLICATES, NULL);
}

static json_t *usage_json(const struct store_sandbox *row)
{
    if (row->state != STATE_ENDED)
        return json_null();
    const struct sandbox_usage *usage = &row->usage;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu_seconds", known_number(usage->cpu_us, 1e6),
        "peak_memory_mb", known_number(usage->peak_memory_bytes, 1048576.0), "network_received_mb",
        known_number(usage->network_in_bytes, 1048576.0), "network_sent_mb",
        known_number(usage->network_out_bytes, 1048576.0), "network_allowed",
        known_count(usage->network_allowed), "network_refused", known_count(usage->network_refused),
        "processes", known_count(usage->processes), "refused_processes",
        known_count(usage->refused_processes), "written_mb", known_number(usage->written_bytes, 1048576.0));
}

static json_t *policy_of_row(const struct store_sandbox *row)
{
    return *row->policy ? json_loads(row->policy, JSON_REJECT_DUPLICATES, NULL) : json_null();
}

json_t *sandbox_json(const struct store_sandbox *row, unsigned viewers)
{
    char id[ID_TEXT_SIZE];
    id_format(&row->id, id);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:s?, s:o}", "id",
        id, "template", row->template_name, "state", store_state_name(row->state), "node", row->node,
        "created_at", time_json(row->created_us), "started_at", time_json(row->started_us), "ended_at",
        time_json(row->ended_us), "expires_at", time_json(row->expires_us), "idle_expires_at",
        time_json(row->idle_expires_us), "limits",
        limits_json(&row->limits, row->session_seconds, row->idle_seconds), "network", network_json(row),
        "display", display_json(row->display_width, row->display_height), "viewers", (int)viewers, "stop",
        stop_json(row), "usage", usage_json(row), "layers", layers_json(row->layers), "start",
        store_start_name(row->start), "policy", policy_of_row(row));
}

// quiet-room is "Quiet room" to people.
static json_t *title_json(const char *name)
{
    char title[TEMPLATE_NAME_MAX + 1];
    size_t length = strnlen(name, TEMPLATE_NAME_MAX);
    for (size_t i = 0; i < length; i++)
        title[i] = name[i] == '-' ? ' ' : name[i];
    title[0] = (char)toupper((unsigned char)title[0]);
    return json_stringn(title, length);
}

json_t *template_json(const struct config *config, unsigned template_index, unsigned width, unsigned height)
{
    const char *name = config_template_name(config, template_index);
    struct policy policy = policy_of(config, template_index);
    struct sandbox_limits limits = {
        .memory_mb = (uint32_t)config_number(config, CONFIG_SANDBOX_MEMORY_LIMIT_MB),
        .cpu_percent = (uint32_t)config_number(config, CONFIG_SANDBOX_CPU_PERCENT),
        .pids = (uint32_t)config_number(config, CONFIG_SANDBOX_PID_LIMIT),
    };
    if (width > policy.stream.width_max)
        width = policy.stream.width_max;
    if (height > policy.stream.height_max)
        height = policy.stream.height_max;
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:o}", "id", name, "name", title_json(name),
                     "description",
                     "A Linux desktop with a terminal and a browser. Files in the home directory are kept.",
                     "display", display_json(width, height), "limits",
                     limits_json(&limits, config_number(config, CONFIG_SANDBOX_SESSION_TIMEOUT_SECS),
                                 config_number(config, CONFIG_SANDBOX_IDLE_TIMEOUT_SECS)),
                     "network", "none", "policy", policy_json(&policy));
}

json_t *account_json(const struct store_account *account, const struct config *config)
{
    char id[ID_TEXT_SIZE];
    id_format(&account->id, id);
    json_int_t limit = account->sandbox_limit >= 0 ? account->sandbox_limit
                                                   : config_number(config, CONFIG_SANDBOX_MAX_PER_USER);
    return json_pack("{s:s, s:s, s:s, s:o, s:I}", "id", id, "username", account->username, "role",
                     role_name(account->role), "created_at", time_json(account->created_us), "sandbox_limit",
                     limit);
}

json_t *pool_json(const struct sandboxd_pool *pool)
{
    const char *refused = pool->foundation_error ? strerror((int)pool->foundation_error) : "";
    json_t *object = json_pack("{s:I, s:I, s:s}", "memory_mb", (json_int_t)pool->memory_mb, "held_mb",
                               (json_int_t)pool->held_mb, "foundation_refused", refused);
    for (uint32_t i = 0; object && i < TEMPLATE_COUNT; i++) {
        const struct sandboxd_pool_row *row = &pool->rows[i];
        json_t *counts = json_pack("{s:I, s:I, s:I, s:I}", "wanted", (json_int_t)row->size, "ready",
                                   (json_int_t)row->ready, "building", (json_int_t)row->building, "losses",
                                   (json_int_t)row->losses);
        if (json_object_set_new(object, template_name(i), counts) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}
