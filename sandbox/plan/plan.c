#include "sandbox/plan/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/plan/tables.h"
#include "sandbox/plan/write.h"

struct description {
    const char *name;
    enum start_stage stage;
};

static const struct description descriptions[OPERATION_COUNT] = {
    [OPERATION_HOME] = {"home", START_HOME},
    [OPERATION_CGROUPS] = {"cgroups", START_CGROUP},
    [OPERATION_ENTER] = {"enter", START_NAMESPACES},
    [OPERATION_BECOME] = {"become", START_NAMESPACES},
    [OPERATION_NAMESPACES] = {"namespaces", START_NAMESPACES},
    [OPERATION_NETWORK] = {"network", START_NAMESPACES},
    [OPERATION_MAP_IDS] = {"map_ids", START_NAMESPACES},
    [OPERATION_SESSION] = {"session", START_NAMESPACES},
    [OPERATION_HOSTNAME] = {"hostname", START_NAMESPACES},
    [OPERATION_LOOPBACK] = {"loopback", START_NAMESPACES},
    [OPERATION_LISTENER] = {"listener", START_NAMESPACES},
    [OPERATION_ADMISSION] = {"admission", START_NAMESPACES},
    [OPERATION_ROOT] = {"root", START_MOUNTS},
    [OPERATION_DIRECTORY] = {"directory", START_MOUNTS},
    [OPERATION_LINK] = {"link", START_MOUNTS},
    [OPERATION_FILE] = {"file", START_MOUNTS},
    [OPERATION_BIND] = {"bind", START_MOUNTS},
    [OPERATION_BIND_HOME] = {"bind_home", START_HOME},
    [OPERATION_TMPFS] = {"tmpfs", START_MOUNTS},
    [OPERATION_TERMINALS] = {"terminals", START_MOUNTS},
    [OPERATION_PROCESSES] = {"processes", START_MOUNTS},
    [OPERATION_NO_PROCESSES] = {"no_processes", START_MOUNTS},
    [OPERATION_SYSCTL] = {"sysctl", START_MOUNTS},
    [OPERATION_WRITABLE] = {"writable", START_MOUNTS},
    [OPERATION_READ_ONLY] = {"read_only", START_MOUNTS},
    [OPERATION_EMPTY] = {"empty", START_MOUNTS},
    [OPERATION_MASK] = {"mask", START_MOUNTS},
    [OPERATION_MASKING] = {"masking", START_MOUNTS},
    [OPERATION_MASKED] = {"masked", START_MOUNTS},
    [OPERATION_PIVOT] = {"pivot", START_MOUNTS},
    [OPERATION_READ_ONLY_ROOT] = {"read_only_root", START_MOUNTS},
    [OPERATION_CAPABILITIES] = {"capabilities", START_CONFINEMENT},
    [OPERATION_LIMITS] = {"limits", START_CONFINEMENT},
    [OPERATION_NO_NEW_PRIVILEGES] = {"no_new_privileges", START_CONFINEMENT},
    [OPERATION_LANDLOCK] = {"landlock", START_CONFINEMENT},
    [OPERATION_SECCOMP] = {"seccomp", START_CONFINEMENT},
    [OPERATION_DESCRIPTORS] = {"descriptors", START_CONFINEMENT},
    [OPERATION_CGROUP_NAMESPACE] = {"cgroup_namespace", START_NAMESPACES},
    [OPERATION_PROCESS_LIMIT] = {"process_limit", START_CONFINEMENT},
    [OPERATION_MEMORY_LIMIT] = {"memory_limit", START_CONFINEMENT},
    [OPERATION_DIRECTORY_CHANGE] = {"directory_change", START_CONFINEMENT},
    [OPERATION_RUN] = {"run", START_CONFINEMENT},
    [OPERATION_PARK] = {"park", START_CONFINEMENT},
    [OPERATION_EXEC] = {"exec", START_CONFINEMENT},
};

enum start_stage operation_stage(enum operation_kind kind)
{
    return descriptions[kind].stage;
}

const char *operation_name(enum operation_kind kind)
{
    return descriptions[kind].name;
}

void plan_add(struct plan *plan, struct operation operation)
{
    if (plan->count == PLAN_OPERATIONS_MAX) {
        plan->overflow = true;
        return;
    }
    plan->operations[plan->count++] = operation;
}

const char *plan_compose(struct plan *plan, const char *format, ...)
{
    char *text = plan->text + plan->text_length;
    size_t room = sizeof(plan->text) - plan->text_length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        plan->overflow = true;
        return "";
    }
    plan->text_length += (size_t)length + 1;
    return text;
}

void plan_add_table(struct plan *plan, const struct operation *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        plan_add(plan, table[i]);
}

void plan_add_words(struct plan *plan, const char **words, size_t maximum, const char *const *table)
{
    size_t have = 0, count = 0;
    while (words[have])
        have++;
    while (table && table[count])
        count++;
    if (have + count >= maximum) {
        plan->overflow = true;
        return;
    }
    if (count > 0)
        memcpy(words + have, table, sizeof(*words) * count);
}

void plan_add_identity(struct plan *plan, const struct plan_host *host, uint32_t host_uid)
{
    if (host->cgroups)
        ADD(plan, .kind = OPERATION_CGROUPS);
    ADD(plan, .kind = OPERATION_BECOME, .number = host->own_uids ? (int64_t)host_uid : -1);
    ADD(plan, .kind = OPERATION_NAMESPACES, .number = PLAN_NAMESPACES | CLONE_NEWCGROUP);
    ADD(plan, .kind = OPERATION_NETWORK);
    ADD(plan, .kind = OPERATION_MAP_IDS, .number = PLAN_INSIDE_ID);
    ADD(plan, .kind = OPERATION_SESSION);
    ADD(plan, .kind = OPERATION_HOSTNAME, .source = PLAN_HOSTNAME);
}

void plan_add_root(struct plan *plan)
{
    ADD(plan, .kind = OPERATION_PIVOT);
    ADD(plan, .kind = OPERATION_READ_ONLY_ROOT);
}

void plan_add_confinement(struct plan *plan, enum limit_profile limits)
{
    ADD(plan, .kind = OPERATION_CAPABILITIES);
    ADD(plan, .kind = OPERATION_DESCRIPTORS);
    ADD(plan, .kind = OPERATION_LIMITS, .number = limits);
}

void plan_add_filters(struct plan *plan, const struct plan_host *host, enum profile profile)
{
    if (host->landlock)
        ADD(plan, .kind = OPERATION_LANDLOCK);
    if (host->seccomp)
        ADD(plan, .kind = OPERATION_SECCOMP, .number = profile);
}

void plan_add_masks(struct plan *plan)
{
    ADD(plan, .kind = OPERATION_MASKING, .number = (int64_t)plan_proc_count);
    plan_add_table(plan, plan_proc_table, plan_proc_count);
}

// tmpfs pages count against the memory limit; the sizes only keep one of them from taking all of it.
static void add_memory_file_systems(struct plan *plan, const struct sandbox_limits *limits)
{
    uint32_t half = limits->memory_mb / 2;
    uint32_t eighth = limits->memory_mb / 8;
    ADD(plan, .kind = OPERATION_TMPFS, .target = "tmp",
        .source = plan_compose(plan, "mode=1777,size=%um,nr_inodes=%u", half, PLAN_TMP_INODES));
    ADD(plan, .kind = OPERATION_TMPFS, .target = "dev/shm",
        .source = plan_compose(plan, "mode=1777,size=%um,nr_inodes=%u", half, PLAN_TMP_INODES));
    ADD(plan, .kind = OPERATION_TMPFS, .target = "run",
        .source = plan_compose(plan, "mode=0755,size=%um,nr_inodes=%u", eighth, PLAN_RUN_INODES));
    ADD(plan, .kind = OPERATION_DIRECTORY, .target = "run/user", .number = 0755);
    ADD(plan, .kind = OPERATION_DIRECTORY, .target = "run/user/1000", .number = 0700);
}

int plan_desktop(struct plan *plan, const struct plan_host *host, const struct plan_home *home,
                 uint32_t host_uid, const struct sandbox_limits *limits)
{
    *plan = (struct plan){0};
    char owner[ID_TEXT_SIZE];
    const char *name = NULL;
    if (home) {
        id_format(&home->owner, owner);
        name = plan_compose(plan, "%s", owner);
        ADD(plan, .kind = OPERATION_HOME, .source = home->storage, .target = name,
            .number = host->own_uids ? (int64_t)host_uid : -1);
    }
    plan_add_identity(plan, host, host_uid);
    ADD(plan, .kind = OPERATION_ROOT, .source = "mode=0755,size=4m,nr_inodes=512");
    plan_add_table(plan, plan_system_table, plan_system_count);
    plan_add_table(plan, plan_base_table, plan_base_count);
    ADD(plan, .kind = OPERATION_TERMINALS, .target = "dev/pts");
    plan_add_table(plan, plan_desktop_table, plan_desktop_count);
    add_memory_file_systems(plan, limits);
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/sandbox-init", .number = BIND_EXECUTABLE,
        .source = plan_compose(plan, "%s/sandbox-init", host->program_dir));
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/desktop", .number = BIND_EXECUTABLE,
        .source = host->desktop_dir);
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/sandbox-sound",
        .number = BIND_EXECUTABLE | BIND_OPTIONAL,
        .source = plan_compose(plan, "%s/sandbox-sound", host->program_dir));
    // Without it the window manager does not say that it is ready, and the start fails with that stage.
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/sandbox-display",
        .number = BIND_EXECUTABLE | BIND_OPTIONAL,
        .source = plan_compose(plan, "%s/sandbox-display", host->program_dir));
    // The X server writes zeros over its whole framebuffer twice: without it, a start takes longer (framebuffer/).
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/sandbox-framebuffer.so",
        .number = BIND_EXECUTABLE | BIND_OPTIONAL,
        .source = plan_compose(plan, "%s/sandbox-framebuffer.so", host->program_dir));
    // The window manager says by it, and by nothing else, that it is up (openbox/): no start without it.
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/sandbox-openbox.so", .number = BIND_EXECUTABLE,
        .source = plan_compose(plan, "%s/sandbox-openbox.so", host->program_dir));
    // The X server has its keymap compiled at each start: the usual one is ready (keymap/).
    ADD(plan, .kind = OPERATION_BIND, .source = "/usr/bin/xkbcomp", .target = "sandbox/xkbcomp",
        .number = BIND_EXECUTABLE);
    ADD(plan, .kind = OPERATION_BIND, .target = "usr/bin/xkbcomp", .number = BIND_EXECUTABLE | BIND_OPTIONAL,
        .source = plan_compose(plan, "%s/sandbox-keymap", host->program_dir));
    if (home)
        ADD(plan, .kind = OPERATION_BIND_HOME, .source = home->storage, .data = name, .target = "home/user");
    ADD(plan, .kind = OPERATION_LOOPBACK); // before the limits of namespaces
    ADD(plan, .kind = OPERATION_LISTENER);
    ADD(plan, .kind = OPERATION_PROCESSES, .target = "proc");
    plan_add_masks(plan);
    plan_add_table(plan, plan_browser_namespaces, plan_browser_namespaces_count);
    plan_add_table(plan, plan_read_only_table, plan_read_only_count);
    plan_add_root(plan);
    plan_add_confinement(plan, LIMITS_DESKTOP);
    ADD(plan, .kind = OPERATION_NO_NEW_PRIVILEGES);
    plan_add_filters(plan, host, PROFILE_DESKTOP);
    ADD(plan, .kind = OPERATION_MASKED);
    ADD(plan, .kind = OPERATION_EXEC, .target = "/sandbox/sandbox-init");
    plan_add_words(plan, plan->arguments, PLAN_WORDS_MAX, plan_desktop_arguments);
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_desktop_environment);
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_proxy_environment);
    return plan->overflow ? -E2BIG : 0;
}

// One of our own programs that needs nothing of the host but libraries.
static int plan_helper(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                       const char *const *arguments)
{
    *plan = (struct plan){0};
    plan_add_identity(plan, host, host_uid);
    ADD(plan, .kind = OPERATION_ROOT, .source = "mode=0755,size=64k,nr_inodes=64");
    plan_add_table(plan, plan_system_table, plan_system_count);
    ADD(plan, .kind = OPERATION_BIND, .target = arguments[0], .number = BIND_EXECUTABLE,
        .source = plan_compose(plan, "%s/%s", host->program_dir, arguments[0]));
    ADD(plan, .kind = OPERATION_LOOPBACK);
    plan_add_root(plan);
    plan_add_confinement(plan, LIMITS_STREAMER);
    ADD(plan, .kind = OPERATION_NO_NEW_PRIVILEGES);
    ADD(plan, .kind = OPERATION_EXEC, .target = plan_compose(plan, "/%s", arguments[0]));
    plan_add_words(plan, plan->arguments, PLAN_WORDS_MAX, arguments);
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, plan_helper_environment);
    return plan->overflow ? -E2BIG : 0;
}

int plan_streamer(struct plan *plan, const struct plan_host *host, uint32_t host_uid)
{
    return plan_helper(plan, host, host_uid, plan_streamer_arguments);
}

int plan_exporter(struct plan *plan, const struct plan_host *host, uint32_t host_uid)
{
    return plan_helper(plan, host, host_uid, plan_exporter_arguments);
}

// A program of ours in the service's own namespaces, which confines itself further.
static void add_confiner(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                         const char *const *arguments)
{
    ADD(plan, .kind = OPERATION_BECOME, .number = host->own_uids ? (int64_t)host_uid : -1);
    ADD(plan, .kind = OPERATION_SESSION);
    ADD(plan, .kind = OPERATION_NO_NEW_PRIVILEGES);
    ADD(plan, .kind = OPERATION_DESCRIPTORS);
    ADD(plan, .kind = OPERATION_EXEC, .target = plan_compose(plan, "%s/%s", host->program_dir, arguments[0]));
    plan_add_words(plan, plan->arguments, PLAN_WORDS_MAX, arguments);
}

static void add_log(struct plan *plan, const char *level, const char *format)
{
    const char *environment[] = {plan_compose(plan, "LOG_LEVEL=%s", level),
                                 plan_compose(plan, "LOG_FORMAT=%s", format), NULL};
    plan_add_words(plan, plan->environment, PLAN_ENVIRONMENT_MAX, environment);
}

int plan_egress(struct plan *plan, const struct plan_host *host, uint32_t host_uid, const char *log_level,
                const char *log_format)
{
    static const char *const words[] = {"sandbox-egress", NULL};
    *plan = (struct plan){0};
    if (host->cgroups)
        ADD(plan, .kind = OPERATION_CGROUPS);
    add_confiner(plan, host, host_uid, words);
    add_log(plan, log_level, log_format);
    return plan->overflow ? -E2BIG : 0;
}

int plan_tick(struct plan *plan, const struct plan_host *host, uint32_t host_uid, unsigned period_us,
              const char *log_level, const char *log_format)
{
    *plan = (struct plan){0};
    const char *const words[] = {"sandbox-tick", plan_compose(plan, "%u", period_us), NULL};
    add_confiner(plan, host, host_uid, words);
    add_log(plan, log_level, log_format);
    return plan->overflow ? -E2BIG : 0;
}

void plan_print(const struct plan *plan, FILE *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct operation *operation = &plan->operations[i];
        fputs(operation_name(operation->kind), out);
        if (operation->source)
            fprintf(out, " %s", operation->kind == OPERATION_FILE ? "(text)" : operation->source);
        if (operation->data && operation->kind != OPERATION_BIND) // there it is the target once more
            fprintf(out, "%s%s", operation->source ? "/" : " ", operation->data);
        if (operation->target)
            fprintf(out, " -> %s", operation->target);
        if (operation->number)
            fprintf(out, operation->kind == OPERATION_DIRECTORY ? " %#llo" : " %#llx",
                    (unsigned long long)operation->number);
        fputc('\n', out);
    }
    for (size_t i = 0; plan->environment[i]; i++)
        fprintf(out, "environment %s\n", plan->environment[i]);
    for (size_t i = 0; plan->command && plan->command[i]; i++)
        fprintf(out, "argument %s\n", plan->command[i]);
}
