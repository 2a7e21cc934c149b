#include "server/usage.h"

#include "server/clock.h"
#include "server/programs.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/server.h"
#include "server/waiters.h"

#define FRESH_US (SECOND_US / 5) // many who ask cost sandboxd no more than one
#define ANSWER_US SECOND_US      // then the old numbers have to do

struct usage {
    struct sandboxes *sandboxes;
    struct exchange *waiting;
    struct loop_timer timer;
    bool listing;
    int64_t told_us; // monotonic: when sandboxd told last; 0: never on this connection
};

// Numbers that nobody could read are null.
static json_t *number_json(uint64_t number)
{
    return number <= INT64_MAX ? json_integer((json_int_t)number) : json_null();
}

static json_t *load_json(const struct sandbox_load *load)
{
    if (!load->known)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "cpu_us", number_json(load->cpu_us), "memory_bytes",
                     number_json(load->memory_bytes), "tasks", number_json(load->tasks));
}

static json_t *traffic_json(const struct sandbox *sandbox)
{
    const struct sandbox_traffic *traffic = &sandbox->traffic;
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I}", "viewers", (int)sandbox->viewer_count, "updates",
                     (json_int_t)traffic->updates, "to_browsers_bytes", (json_int_t)traffic->to_browsers,
                     "from_browsers_bytes", (json_int_t)traffic->from_browsers, "inputs",
                     (json_int_t)traffic->inputs, "input_us", (json_int_t)traffic->input_us);
}

static json_t *sandbox_usage_json(const struct sandbox *sandbox)
{
    char id[ID_TEXT_SIZE], account[ID_TEXT_SIZE];
    const struct sandbox_limits *limits = &sandbox->row.limits;
    id_format(&sandbox->row.id, id);
    id_format(&sandbox->row.account, account);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:{s:I, s:I, s:I}, s:o, s:o}", "id", id, "account", account,
                     "template", sandbox->row.template_name, "state", store_state_name(sandbox->state),
                     "created_us", (json_int_t)sandbox->row.created_us, "limits", "memory_mb",
                     (json_int_t)limits->memory_mb, "cpu_percent", (json_int_t)limits->cpu_percent, "tasks",
                     (json_int_t)limits->pids, "load", load_json(&sandbox->load), "traffic",
                     traffic_json(sandbox));
}

static json_t *sandboxes_json(const struct sandboxes *sandboxes)
{
    json_t *items = json_array();
    bool failed = false;
    for (const struct sandbox *sandbox = sandboxes_first(sandboxes); sandbox; sandbox = sandbox->next)
        failed |= json_array_append_new(items, sandbox_usage_json(sandbox)) < 0;
    if (failed) { // memory is out
        json_decref(items);
        return NULL;
    }
    return items;
}

static json_t *programs_json(pid_t sandboxd)
{
    struct program_memory programs[PROGRAMS_MAX];
    size_t count = programs_memory(sandboxd, programs);
    json_t *items = json_array();
    bool failed = false;
    for (size_t i = 0; i < count; i++)
        failed |=
            json_array_append_new(items, json_pack("{s:s, s:I, s:I}", "name", programs[i].name, "processes",
                                                   (json_int_t)programs[i].processes, "resident_bytes",
                                                   (json_int_t)programs[i].bytes)) < 0;
    if (failed) {
        json_decref(items);
        return NULL;
    }
    return items;
}

static void answer(const struct usage *usage, struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct sandboxd_welcome *welcome = sandboxd_client_welcome(server->sandboxd);
    exchange_json(exchange, 200,
                  json_pack("{s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:o, s:o, s:o}", "node", server->node,
                            "version", SANDBOX_VERSION, "sandboxd", welcome != NULL, "ready",
                            sandboxes_ready(usage->sandboxes), "draining", server->draining, "maximum",
                            (json_int_t)config_number(server->config, CONFIG_SANDBOX_MAX_PER_NODE), "at_us",
                            (json_int_t)clock_monotonic_us(), "load_at_us", (json_int_t)usage->told_us,
                            "pool", pool_json(&server->metrics.pool), "programs",
                            programs_json(welcome ? (pid_t)welcome->pid : 0), "sandboxes",
                            sandboxes_json(usage->sandboxes)));
}

static void answer_all(struct usage *usage)
{
    usage->listing = false;
    loop_timer_cancel(&usage->timer);
    for (struct exchange *exchange; (exchange = usage->waiting);) {
        usage->waiting = exchange->next;
        answer(usage, exchange);
    }
}

static void on_timer(void *data)
{
    answer_all(data);
}

struct usage *usage_new(struct sandboxes *sandboxes)
{
    struct usage *usage = calloc(1, sizeof(*usage));
    if (usage)
        *usage = (struct usage){.sandboxes = sandboxes, .timer = {.fire = on_timer, .data = usage}};
    return usage;
}

void usage_free(struct usage *usage)
{
    if (!usage)
        return;
    loop_timer_cancel(&usage->timer);
    waiters_interrupt(&usage->waiting);
    free(usage);
}

void usage_entry(struct usage *usage, const struct sandboxd_entry *entry)
{
    struct sandbox *sandbox = usage->listing ? sandboxes_find(usage->sandboxes, &entry->sandbox) : NULL;
    if (sandbox)
        sandbox->load = (struct sandbox_load){.known = true,
                                              .cpu_us = entry->usage.cpu_us,
                                              .memory_bytes = entry->memory_bytes,
                                              .tasks = entry->tasks};
}

void usage_list_end(struct usage *usage)
{
    if (!usage->listing)
        return;
    usage->told_us = clock_monotonic_us();
    answer_all(usage);
}

void usage_abort(struct usage *usage)
{
    usage->told_us = 0;
    for (struct sandbox *sandbox = sandboxes_first(usage->sandboxes); sandbox; sandbox = sandbox->next)
        sandbox->load.known = false;
    answer_all(usage);
}

void usage_finish(struct exchange *exchange)
{
    struct sandboxes *sandboxes = exchange->server->sandboxes;
    struct usage *usage = sandboxes_usage(sandboxes);
    bool fresh = usage->told_us > 0 && clock_monotonic_us() - usage->told_us < FRESH_US;
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    if (!usage->listing && (fresh || !sandboxes_ready(sandboxes) ||
                            sandboxd_client_send(exchange->server->sandboxd, &list) < 0)) {
        answer(usage, exchange);
        return;
    }
    if (!usage->listing)
        loop_timer_set(exchange->server->loop, &usage->timer, ANSWER_US);
    usage->listing = true;
    exchange->next = usage->waiting;
    usage->waiting = exchange;
}
