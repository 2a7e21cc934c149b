// The plans of sandboxes that run one command.

#include <errno.h>
#include <string.h>

#include "sandbox/plan/tables.h"
#include "sandbox/plan/write.h"

static enum limit_profile limits_of(enum profile profile)
{
    return profile == PROFILE_CODE ? LIMITS_CODE : LIMITS_DESKTOP;
}

// What control groups would do, as far as a process can be held to it.
static void add_fallback_limits(struct plan *plan, const struct plan_host *host,
                                const struct plan_command *command)
{
    if (host->cgroups)
        return;
    ADD(plan, .kind = OPERATION_PROCESS_LIMIT, .number = (int64_t)command->limits.pids + 1);
    if (command->profile == PROFILE_CODE) // browsers reserve more than they use
        ADD(plan, .kind = OPERATION_MEMORY_LIMIT, .number = (int64_t)command->limits.memory_mb << 20);
}

// One file system with one bound for all that the command may write.
static const char *own_file_system(struct plan *plan, const struct sandbox_limits *limits)
{
    return plan_compose(plan, "mode=0755,size=%um,nr_inodes=%u", limits->memory_mb / 2, PLAN_TMP_INODES);
}

static void add_command_files(struct plan *plan, const struct plan_host *host,
                              const struct plan_command *command)
{
    unsigned flags = BIND_EXECUTABLE | BIND_GRANT | (host->own_uids ? BIND_PREPARED : 0);
    bool code = command->profile == PROFILE_CODE;
    ADD(plan, .kind = OPERATION_ROOT, .source = own_file_system(plan, &command->limits));
    plan_add_table(plan, plan_system_table, plan_system_count);
    plan_add_table(plan, plan_base_table, plan_base_count);
    ADD(plan, .kind = OPERATION_TERMINALS, .target = "dev/pts");
    if (code)
        plan_add_table(plan, plan_code_table, plan_code_count);
    else
        plan_add_table(plan, plan_desktop_table, plan_desktop_count);
    plan_add_table(plan, plan_writable_table, plan_writable_count);
    for (size_t i = 0; i < command->bind_count; i++)
        ADD(plan, .kind = OPERATION_BIND, .source = command->binds[i].path,
            .target = plan_bind_place(&command->binds[i]) + 1, .data = plan_bind_place(&command->binds[i]),
            .number = flags | (command->binds[i].writable ? BIND_WRITABLE : 0));
    // What was begun before is taken as late as the limits of namespaces allow. The group's files were opened with the rights of the one who
    // made it; the builder outside never counts against the limits.
    bool waits = !command->words; // then it was in its groups before it had its uid
    if (host->cgroups && !waits)
        ADD(plan, .kind = OPERATION_CGROUPS);
    if (!waits)
        ADD(plan, .kind = OPERATION_CGROUP_NAMESPACE);
    ADD(plan, .kind = OPERATION_LOOPBACK);
    if (command->network)
        ADD(plan, .kind = OPERATION_LISTENER);
    ADD(plan, .kind = OPERATION_PROCESSES, .target = "proc");
    plan_add_masks(plan);
    if (code)
        plan_add_table(plan, plan_code_namespaces, plan_code_namespaces_count);
    else
        plan_add_table(plan, plan_browser_namespaces, plan_browser_namespaces_count);
    plan_add_table(plan, plan_read_only_table, plan_read_only_count);
    plan_add_root(plan);
    if (command->network && !waits)
        ADD(plan, .kind = OPERATION_ADMISSION);
}

// One of each name: a program takes the first of two, and a shell the last.
static void set_variables(struct plan *plan, const char *const *variables)
{
    for (; variables && *variables && !plan->overflow; variables++) {
        size_t name = strcspn(*variables, "=") + 1;
        const char **place = plan->environment;
        while (*place && strncmp(*place, *variables, name) != 0)
            place++;
        if (*place)
            *place = *variables;
        else
            plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX,
                           (const char *const[]){*variables, NULL});
    }
}

int plan_command(struct plan *plan, const struct plan_host *host, const struct plan_command *command,
                 uint32_t host_uid)
{
    *plan = (struct plan){.command = command->words};
    ADD(plan, .kind = OPERATION_BECOME, .number = host->own_uids ? (int64_t)host_uid : -1);
    ADD(plan, .kind = OPERATION_NAMESPACES, .number = PLAN_NAMESPACES);
    ADD(plan, .kind = OPERATION_NETWORK);
    ADD(plan, .kind = OPERATION_MAP_IDS, .number = PLAN_INSIDE_ID);
    ADD(plan, .kind = OPERATION_SESSION);
    ADD(plan, .kind = OPERATION_HOSTNAME, .source = PLAN_HOSTNAME);
    add_command_files(plan, host, command);
    plan_add_confinement(plan, limits_of(command->profile));
    add_fallback_limits(plan, host, command);
    ADD(plan, .kind = OPERATION_NO_NEW_PRIVILEGES);
    ADD(plan, .kind = OPERATION_DIRECTORY_CHANGE,
        .target = command->directory_only ? NULL : command->directory,
        .data = command->directory_only ? command->directory : "/home/user");
    plan_add_filters(plan, host, command->profile);
    ADD(plan, .kind = OPERATION_MASKED);
    ADD(plan, .kind = OPERATION_RUN);
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_command_environment);
    if (command->network)
        plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_proxy_environment);
    set_variables(plan, command->environment);
    return plan->overflow ? -E2BIG : 0;
}

int plan_foundation(struct plan *plan)
{
    *plan = (struct plan){0};
    ADD(plan, .kind = OPERATION_ROOT, .source = "mode=0755,size=4m,nr_inodes=512");
    plan_add_table(plan, plan_system_table, plan_system_count);
    plan_add_table(plan, plan_base_table, plan_base_count);
    plan_add_table(plan, plan_code_table, plan_code_count);
    ADD(plan, .kind = OPERATION_DIRECTORY, .target = PLAN_COVERED_DIRECTORY, .number = 0555);
    ADD(plan, .kind = OPERATION_NO_PROCESSES, .target = PLAN_COVERED_DIRECTORY);
    plan_add_root(plan);
    return plan->overflow ? -E2BIG : 0;
}

// What a copy of the foundation lacks: all that belongs to one sandbox.
static void add_to_foundation(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                              const struct sandbox_limits *limits)
{
    if (host->cgroups)
        ADD(plan, .kind = OPERATION_CGROUPS);
    ADD(plan, .kind = OPERATION_ENTER);
    ADD(plan, .kind = OPERATION_BECOME, .number = host->own_uids ? (int64_t)host_uid : -1);
    ADD(plan, .kind = OPERATION_NAMESPACES, .number = PLAN_NAMESPACES | CLONE_NEWCGROUP);
    ADD(plan, .kind = OPERATION_PROCESSES, .target = "proc"); // there is no other that knows this process
    ADD(plan, .kind = OPERATION_MAP_IDS, .number = PLAN_INSIDE_ID);
    plan_add_masks(plan);
    ADD(plan, .kind = OPERATION_SESSION);
    ADD(plan, .kind = OPERATION_HOSTNAME, .source = PLAN_HOSTNAME);
    ADD(plan, .kind = OPERATION_TMPFS, .target = PLAN_COVERED_DIRECTORY,
        .source = own_file_system(plan, limits));
    plan_add_table(plan, plan_covered_table, plan_covered_count);
    ADD(plan, .kind = OPERATION_TERMINALS, .target = "dev/pts");
    ADD(plan, .kind = OPERATION_LISTENER);
    plan_add_table(plan, plan_code_namespaces, plan_code_namespaces_count);
    plan_add_table(plan, plan_read_only_table, plan_read_only_count);
    plan_add_confinement(plan, LIMITS_CODE);
}

int plan_waiting(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                 const struct sandbox_limits *limits)
{
    const struct plan_command command = {.profile = PROFILE_CODE, .limits = *limits, .network = true};
    *plan = (struct plan){0};
    if (host->foundation) {
        add_to_foundation(plan, host, host_uid, limits);
    } else {
        plan_add_identity(plan, host, host_uid);
        add_command_files(plan, host, &command);
        plan_add_confinement(plan, LIMITS_CODE);
    }
    add_fallback_limits(plan, host, &command);
    ADD(plan, .kind = OPERATION_NO_NEW_PRIVILEGES);
    ADD(plan, .kind = OPERATION_DIRECTORY_CHANGE, .data = "/home/user");
    plan_add_filters(plan, host, PROFILE_CODE);
    ADD(plan, .kind = OPERATION_MASKED);
    ADD(plan, .kind = OPERATION_PARK);
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_command_environment);
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_proxy_environment);
    return plan->overflow ? -E2BIG : 0;
}
