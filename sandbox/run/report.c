#include "sandbox/run/report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define STATUS_FAILED 125
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

void report_take_network(const struct run_network *network, struct outcome *outcome)
{
    const struct egress_counters *counters = &network->counters;
    bool known = network->counted;
    outcome->network_in_bytes = known ? counters->bytes_in : UINT64_MAX;
    outcome->network_out_bytes = known ? counters->bytes_out : UINT64_MAX;
    outcome->network_allowed = known ? counters->requests : UINT64_MAX;
    outcome->network_refused = known ? counters->denied : UINT64_MAX;
}

struct outcome report_of_nothing(const char *step, int error)
{
    return (struct outcome){.cause = STOP_START_FAILED,
                            .operation = step,
                            .kind = OPERATION_COUNT,
                            .error = error,
                            .cpu_us = UINT64_MAX,
                            .peak_memory_bytes = UINT64_MAX,
                            .processes = UINT64_MAX,
                            .refused_processes = UINT64_MAX,
                            .written_bytes = UINT64_MAX,
                            .output_bytes = UINT64_MAX,
                            .network_in_bytes = UINT64_MAX,
                            .network_out_bytes = UINT64_MAX,
                            .network_allowed = UINT64_MAX,
                            .network_refused = UINT64_MAX};
}

int report_exit_status(const struct outcome *outcome)
{
    if (outcome->cause == STOP_START_FAILED) {
        if (outcome->kind != OPERATION_RUN || outcome->error == EAGAIN || outcome->error == ENOMEM)
            return STATUS_FAILED;
        return outcome->error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
    }
    return WIFSIGNALED(outcome->status) ? 128 + WTERMSIG(outcome->status) : WEXITSTATUS(outcome->status);
}

const char *report_advice(int error)
{
    static const struct {
        int error;
        const char *text;
    } table[] = {
        {EMFILE, "; the caller may open too few files (ulimit -n): 128 are enough for few paths"},
        {ENFILE, "; the machine has too many open files (sysctl fs.file-max)"},
        {EAGAIN, "; the caller may start no further process (ulimit -u)"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].error == error)
            return table[i].text;
    }
    return "";
}

static const char *advice_for(const struct outcome *outcome)
{
    static const struct {
        enum operation_kind kind;
        int error;
        const char *text;
    } table[] = {
        {OPERATION_NAMESPACES, ENOSPC, "; no namespace is left (sysctl user.max_*_namespaces)"},
        {OPERATION_NAMESPACES, EPERM,
         "; user namespaces are switched off here (sysctl kernel.unprivileged_userns_clone)"},
        {OPERATION_BECOME, EINVAL, "; the uids of sandboxes are not mapped in this container"},
        {OPERATION_MAP_IDS, EPERM, "; user namespaces are restricted here (AppArmor or a container)"},
        {OPERATION_PROCESSES, EPERM, "; a masked /proc around the caller forbids it (a container?)"},
        {OPERATION_BIND, EROFS, "; what is read-only has no room for a further place in it (--at)"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].kind == outcome->kind && table[i].error == outcome->error)
            return table[i].text;
    }
    return report_advice(outcome->error);
}

void report_print(const struct options *options, const struct outcome *outcome)
{
    const struct plan_command *command = &options->command;
    switch (outcome->cause) {
    case STOP_START_FAILED:
        if (outcome->kind == OPERATION_RUN)
            fprintf(stderr, "sandbox-run: %s: %s\n", command->words[0], strerror(outcome->error));
        else if (outcome->kind == OPERATION_DIRECTORY_CHANGE && command->directory_only)
            fprintf(stderr, "sandbox-run: --chdir %s: %s in the sandbox\n", command->directory,
                    strerror(outcome->error));
        else
            fprintf(stderr, "sandbox-run: the sandbox can't be made: %s: %s%s\n", outcome->operation,
                    strerror(outcome->error), advice_for(outcome));
        return;
    case STOP_MEMORY:
        fprintf(stderr, "sandbox-run: killed: more memory than %u MiB (--memory)\n",
                command->limits.memory_mb);
        return;
    case STOP_HOST_MEMORY:
        fprintf(stderr, "sandbox-run: killed: no memory was left above it; --memory was not met\n");
        return;
    case STOP_PROCESSES:
        fprintf(stderr, "sandbox-run: more processes than %u were refused (--pids)\n", command->limits.pids);
        return;
    case STOP_TIME:
        fprintf(stderr, "sandbox-run: killed: ran longer than %.3g s (--time)\n",
                (double)options->time_ns / 1e9);
        return;
    case STOP_OUTPUT:
        fprintf(stderr, "sandbox-run: killed: wrote more than %" PRIu64 " bytes (--output)\n",
                options->output_bytes);
        return;
    default:
        return;
    }
}

static json_t *number(uint64_t value)
{
    return value == UINT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static json_t *layers_of(const struct probe *probe)
{
    json_t *layers = json_object();
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        json_object_set_new(layers, layer_name(i),
                            json_pack("{s:s, s:s}", "state", layer_state_name(probe->layers[i].state),
                                      "detail", probe->layers[i].detail));
    return layers;
}

static json_t *usage_of(const struct outcome *outcome)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "wall_us",
                     number(outcome->wall_us), "cpu_us", number(outcome->cpu_us), "peak_memory_bytes",
                     number(outcome->peak_memory_bytes), "processes", number(outcome->processes),
                     "refused_processes", number(outcome->refused_processes), "written_bytes",
                     number(outcome->written_bytes), "output_bytes", number(outcome->output_bytes),
                     "network_in_bytes", number(outcome->network_in_bytes), "network_out_bytes",
                     number(outcome->network_out_bytes), "network_allowed", number(outcome->network_allowed),
                     "network_refused", number(outcome->network_refused));
}

int report_write(const struct options *options, const struct probe *probe, const struct outcome *outcome)
{
    bool failed = outcome->cause == STOP_START_FAILED;
    bool signalled = !failed && WIFSIGNALED(outcome->status);
    json_t *document = json_pack(
        "{s:s, s:i, s:o, s:o, s:s, s:{s:i, s:i, s:i}, s:o, s:o}", "cause", stop_reason_name(outcome->cause),
        "exit_status", report_exit_status(outcome), "signal",
        signalled ? json_integer(WTERMSIG(outcome->status)) : json_null(), "failed",
        failed ? json_pack("{s:s, s:s}", "operation", outcome->operation, "error", strerror(outcome->error))
               : json_null(),
        "profile", profile_name(options->command.profile), "limits", "memory_mb",
        (int)options->command.limits.memory_mb, "cpu_percent", (int)options->command.limits.cpu_percent,
        "pids", (int)options->command.limits.pids, "usage", usage_of(outcome), "layers", layers_of(probe));
    AUTO_FREE char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!text)
        return -ENOMEM;
    int error = write_all(options->json_fd, text, strlen(text));
    return error ? error : write_all(options->json_fd, "\n", 1);
}
