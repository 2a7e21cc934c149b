#include "sandbox/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/plan_tables.h"

struct description {
    const char *name;
    enum start_stage stage;
};

static const struct description descriptions[OPERATION_COUNT] = {
    [OPERATION_HOME] = {"home", START_HOME},
    [OPERATION_CGROUPS] = {"cgroups", START_CGROUP},
    [OPERATION_BECOME] = {"become", START_NAMESPACES},
    [OPERATION_NAMESPACES] = {"namespaces", START_NAMESPACES},
    [OPERATION_MAP_IDS] = {"map_ids", START_NAMESPACES},
    [OPERATION_SESSION] = {"session", START_NAMESPACES},
    [OPERATION_HOSTNAME] = {"hostname", START_NAMESPACES},
    [OPERATION_LOOPBACK] = {"loopback", START_NAMESPACES},
    [OPERATION_ROOT] = {"root", START_MOUNTS},
    [OPERATION_DIRECTORY] = {"directory", START_MOUNTS},
    [OPERATION_LINK] = {"link", START_MOUNTS},
    [OPERATION_FILE] = {"file", START_MOUNTS},
    [OPERATION_BIND] = {"bind", START_MOUNTS},
    [OPERATION_BIND_HOME] = {"bind_home", START_HOME},
    [OPERATION_TMPFS] = {"tmpfs", START_MOUNTS},
    [OPERATION_TERMINALS] = {"terminals", START_MOUNTS},
    [OPERATION_PROCESSES] = {"processes", START_MOUNTS},
    [OPERATION_SYSCTL] = {"sysctl", START_MOUNTS},
    [OPERATION_READ_ONLY] = {"read_only", START_MOUNTS},
    [OPERATION_MASK] = {"mask", START_MOUNTS},
    [OPERATION_PIVOT] = {"pivot", START_MOUNTS},
    [OPERATION_READ_ONLY_ROOT] = {"read_only_root", START_MOUNTS},
    [OPERATION_CAPABILITIES] = {"capabilities", START_CONFINEMENT},
    [OPERATION_LIMITS] = {"limits", START_CONFINEMENT},
    [OPERATION_NO_NEW_PRIVILEGES] = {"no_new_privileges", START_CONFINEMENT},
    [OPERATION_LANDLOCK] = {"landlock", START_CONFINEMENT},
    [OPERATION_SECCOMP] = {"seccomp", START_CONFINEMENT},
    [OPERATION_DESCRIPTORS] = {"descriptors", START_CONFINEMENT},
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

static void add(struct plan *plan, struct operation operation)
{
    if (plan->count == PLAN_OPERATIONS_MAX) {
        plan->overflow = true;
        return;
    }
    plan->operations[plan->count++] = operation;
}

#define ADD(plan, ...) add(plan, (struct operation){__VA_ARGS__})

// A composed string that lives in the plan.
__attribute__((format(printf, 2, 3))) static const char *compose(struct plan *plan, const char *format, ...)
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

static void add_table(struct plan *plan, const struct operation *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(plan, table[i]);
}

static void add_words(struct plan *plan, const char **words, const char *const *table)
{
    size_t count = 0;
    while (table[count])
        count++;
    if (count >= PLAN_WORDS_MAX) {
        plan->overflow = true;
        return;
    }
    memcpy(words, table, sizeof(*words) * (count + 1));
}

static void add_identity(struct plan *plan, const struct plan_host *host, uint32_t host_uid)
{
    if (host->cgroups)
        ADD(plan, .kind = OPERATION_CGROUPS);
    ADD(plan, .kind = OPERATION_BECOME, .number = host->own_uids ? (int64_t)host_uid : -1);
    ADD(plan, .kind = OPERATION_NAMESPACES, .number = PLAN_NAMESPACES);
    ADD(plan, .kind = OPERATION_MAP_IDS, .number = PLAN_INSIDE_ID);
    ADD(plan, .kind = OPERATION_SESSION);
    ADD(plan, .kind = OPERATION_HOSTNAME, .source = PLAN_HOSTNAME);
    ADD(plan, .kind = OPERATION_LOOPBACK);
}

static void add_confinement(struct plan *plan, const struct plan_host *host, enum limit_profile limits)
{
    ADD(plan, .kind = OPERATION_PIVOT);
    ADD(plan, .kind = OPERATION_READ_ONLY_ROOT);
    ADD(plan, .kind = OPERATION_CAPABILITIES);
    ADD(plan, .kind = OPERATION_DESCRIPTORS);
    ADD(plan, .kind = OPERATION_LIMITS, .number = limits);
    ADD(plan, .kind = OPERATION_NO_NEW_PRIVILEGES);
    // A streamer confines itself further, after its last descriptor is set up (streaming/).
    if (host->landlock && limits == LIMITS_DESKTOP)
        ADD(plan, .kind = OPERATION_LANDLOCK);
    if (host->seccomp && limits == LIMITS_DESKTOP)
        ADD(plan, .kind = OPERATION_SECCOMP);
}

// tmpfs pages count against the memory limit; the sizes only keep one of them from taking all of it.
static void add_memory_file_systems(struct plan *plan, const struct sandbox_limits *limits)
{
    uint32_t half = limits->memory_mb / 2;
    uint32_t eighth = limits->memory_mb / 8;
    ADD(plan, .kind = OPERATION_TMPFS, .target = "tmp",
        .source = compose(plan, "mode=1777,size=%um,nr_inodes=%u", half, PLAN_TMP_INODES));
    ADD(plan, .kind = OPERATION_TMPFS, .target = "dev/shm",
        .source = compose(plan, "mode=1777,size=%um,nr_inodes=%u", half, PLAN_TMP_INODES));
    ADD(plan, .kind = OPERATION_TMPFS, .target = "run",
        .source = compose(plan, "mode=0755,size=%um,nr_inodes=%u", eighth, PLAN_RUN_INODES));
    ADD(plan, .kind = OPERATION_DIRECTORY, .target = "run/user", .number = 0755);
    ADD(plan, .kind = OPERATION_DIRECTORY, .target = "run/user/1000", .number = 0700);
}

int plan_desktop(struct plan *plan, const struct plan_host *host, const struct plan_home *home,
                 uint32_t host_uid, const struct sandbox_limits *limits)
{
    *plan = (struct plan){0};
    char owner[ID_TEXT_SIZE];
    id_format(&home->owner, owner);
    const char *name = compose(plan, "%s", owner);

    ADD(plan, .kind = OPERATION_HOME, .source = home->storage, .target = name,
        .number = host->own_uids ? (int64_t)host_uid : -1);
    add_identity(plan, host, host_uid);
    ADD(plan, .kind = OPERATION_ROOT, .source = "mode=0755,size=4m,nr_inodes=512");
    add_table(plan, plan_system_table, plan_system_count);
    add_table(plan, plan_desktop_table, plan_desktop_count);
    add_memory_file_systems(plan, limits);
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/sandbox-init", .number = BIND_EXECUTABLE,
        .source = compose(plan, "%s/sandbox-init", host->program_dir));
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox/desktop", .number = BIND_EXECUTABLE,
        .source = host->desktop_dir);
    ADD(plan, .kind = OPERATION_BIND_HOME, .source = home->storage, .data = name, .target = "home/user");
    add_table(plan, plan_proc_table, plan_proc_count);
    add_confinement(plan, host, LIMITS_DESKTOP);
    ADD(plan, .kind = OPERATION_EXEC, .target = "/sandbox/sandbox-init");
    add_words(plan, plan->arguments, plan_desktop_arguments);
    add_words(plan, plan->environment, plan_desktop_environment);
    return plan->overflow ? -E2BIG : 0;
}

int plan_streamer(struct plan *plan, const struct plan_host *host, uint32_t host_uid)
{
    *plan = (struct plan){0};
    add_identity(plan, host, host_uid);
    ADD(plan, .kind = OPERATION_ROOT, .source = "mode=0755,size=64k,nr_inodes=64");
    add_table(plan, plan_system_table, plan_system_count);
    ADD(plan, .kind = OPERATION_BIND, .target = "sandbox-streamer", .number = BIND_EXECUTABLE,
        .source = compose(plan, "%s/sandbox-streamer", host->program_dir));
    add_confinement(plan, host, LIMITS_STREAMER);
    ADD(plan, .kind = OPERATION_EXEC, .target = "/sandbox-streamer");
    add_words(plan, plan->arguments, plan_streamer_arguments);
    add_words(plan, plan->environment, plan_streamer_environment);
    return plan->overflow ? -E2BIG : 0;
}

void plan_print(const struct plan *plan, FILE *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct operation *operation = &plan->operations[i];
        fputs(operation_name(operation->kind), out);
        if (operation->source)
            fprintf(out, " %s", operation->kind == OPERATION_FILE ? "(text)" : operation->source);
        if (operation->data)
            fprintf(out, "/%s", operation->data);
        if (operation->target)
            fprintf(out, " -> %s", operation->target);
        if (operation->number)
            fprintf(out, " %#llx", (unsigned long long)operation->number);
        fputc('\n', out);
    }
    for (size_t i = 0; plan->environment[i]; i++)
        fprintf(out, "environment %s\n", plan->environment[i]);
}
