#include "sandbox/executor/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/landlock.h"
#include "sandbox/daemon/settings.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"
#include "sandbox/plan/tables.h"

#define LANDLOCK_ABI_COMPLETE 6

static const char no_landlock[] = "kernel without Landlock, or lsm= leaves it out";
static const char no_seccomp[] = "kernel without seccomp filters";

__attribute__((format(printf, 4, 5))) static void report(struct probe *probe, enum layer layer,
                                                         enum layer_state state, const char *format, ...)
{
    struct layer_report *row = &probe->layers[layer];
    row->state = (uint8_t)state;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->detail, sizeof(row->detail), format, arguments);
    va_end(arguments);
}

// Runs trial in a child made with those namespaces. 0, or the -errno of clone or of the trial.
static int try_in_child(uint64_t flags, operation_fn *operation, int (*trial)(struct run *run))
{
    static const struct plan empty;
    static const struct launch launch = {.plan = &empty};
    struct run run = {.launch = &launch,
                      .uid = geteuid(),
                      .gid = getegid(),
                      .trial = operation}; // unmapped ids inside read as others
    AUTO_FD int pidfd = -1;
    pid_t pid = process_fork(flags, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0)
        _exit(-trial(&run) & 0xff);
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int nothing(struct run *run)
{
    (void)run;
    return 0;
}

static int try_root(struct run *run)
{
    static const struct operation steps[] = {
        {.kind = OPERATION_MAP_IDS, .number = PLAN_INSIDE_ID},
        {.kind = OPERATION_ROOT, .source = "size=64k,nr_inodes=16,mode=0755"},
        {.kind = OPERATION_DIRECTORY, .target = "proc", .number = 0555},
        {.kind = OPERATION_PROCESSES, .target = "proc"},
    };
    int error = operation_map_ids(run, &steps[0]);
    if (!error)
        error = operation_root(run, &steps[1]);
    if (!error)
        error = operation_directory(run, &steps[2]);
    if (!error)
        error = operation_processes(run, &steps[3]);
    if (!error)
        error = operation_pivot(run, NULL);
    return error ? error : operation_read_only_root(run, NULL);
}

static int try_confinement(struct run *run)
{
    int error = operation_capabilities(run, NULL);
    return error ? error : operation_no_new_privileges(run, NULL);
}

static void probe_namespaces(struct probe *probe)
{
    static const struct {
        enum layer layer;
        uint64_t flags;
    } table[] = {
        {LAYER_USER_NAMESPACE, 0},
        {LAYER_PID_NAMESPACE, CLONE_NEWPID},
        {LAYER_MOUNT_NAMESPACE, CLONE_NEWNS},
        {LAYER_NETWORK_NAMESPACE, CLONE_NEWNET},
        {LAYER_IPC_NAMESPACE, CLONE_NEWIPC},
        {LAYER_UTS_NAMESPACE, CLONE_NEWUTS},
        {LAYER_CGROUP_NAMESPACE, CLONE_NEWCGROUP},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int error = try_in_child(CLONE_NEWUSER | table[i].flags, NULL, nothing);
        if (error)
            report(probe, table[i].layer, LAYER_MISSING,
                   "clone: %s; see user.max_*_namespaces and the kernel's configuration", strerror(-error));
        else
            report(probe, table[i].layer, LAYER_ON, "%s", "");
    }
}

static void probe_process(struct probe *probe)
{
    int error = try_in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, NULL, try_root);
    if (error)
        report(probe, LAYER_ROOT, LAYER_MISSING,
               "fresh root: %s; a masked /proc around the service forbids it", strerror(-error));
    else
        report(probe, LAYER_ROOT, LAYER_ON, "%s", "");
    error = try_in_child(CLONE_NEWUSER, NULL, try_confinement);
    for (int layer = LAYER_CAPABILITIES; layer <= LAYER_NO_NEW_PRIVILEGES; layer++)
        report(probe, (enum layer)layer, error ? LAYER_MISSING : LAYER_ON, "%s",
               error ? strerror(-error) : "");
    report(probe, LAYER_RESOURCE_LIMITS, LAYER_ON, "%s", "");
}

static bool has_capability(unsigned capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[capability / 32].effective & (1u << (capability % 32)));
}

static void probe_uids(struct probe *probe)
{
    probe->own_uids = has_capability(CAP_SETUID) && has_capability(CAP_SETGID);
    if (probe->own_uids)
        report(probe, LAYER_HOST_UID, LAYER_ON, "%s", "");
    else
        report(probe, LAYER_HOST_UID, LAYER_WEAKER,
               "every sandbox and streamer runs as uid %u of the service; start it as root for one uid each",
               geteuid());
}

static void probe_limits(struct probe *probe, const struct cgroup_root *cgroups)
{
    static const struct {
        enum layer layer;
        enum cgroup_hierarchy controller;
        const char *name;
    } table[] = {{LAYER_MEMORY_LIMIT, CGROUP_MEMORY, "memory"},
                 {LAYER_CPU_LIMIT, CGROUP_CPU, "cpu"},
                 {LAYER_PROCESS_LIMIT, CGROUP_PIDS, "pids"}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (cgroups->backend != CGROUP_NONE && cgroups->controls[table[i].controller])
            report(probe, table[i].layer, LAYER_ON, "%s", "");
        else
            report(probe, table[i].layer, LAYER_MISSING,
                   "no delegated cgroup with the %s controller; see SANDBOX_CGROUP_PATH", table[i].name);
    }
}

static int try_filter(struct run *run)
{
    int error = operation_no_new_privileges(run, NULL);
    static const struct operation desktop = {.number = PROFILE_DESKTOP};
    return error ? error : run->trial(run, &desktop);
}

static bool probe_filter(struct probe *probe, enum layer layer, operation_fn *operation, const char *why)
{
    int error = try_in_child(CLONE_NEWUSER, operation, try_filter);
    report(probe, layer, error ? LAYER_MISSING : LAYER_ON, "%s", error ? why : "");
    return !error;
}

static void probe_landlock_abi(struct probe *probe)
{
    int abi = landlock_abi();
    probe->landlock = abi > 0;
    if (abi == 0)
        report(probe, LAYER_LANDLOCK, LAYER_MISSING, "%s", no_landlock);
    else if (abi < LANDLOCK_ABI_COMPLETE)
        report(probe, LAYER_LANDLOCK, LAYER_WEAKER,
               "ABI %d: device ioctls or scopes need a newer kernel (6.12)", abi);
}

// After probe_uids.
static void probe_egress(struct probe *probe)
{
    static const char name[] = "/sandbox-egress";
    char path[SETTINGS_PATH_MAX + sizeof(name)];
    int error = settings_own_directory(path);
    if (!error)
        memcpy(path + strlen(path), name, sizeof(name));
    if (!error && access(path, X_OK) < 0)
        error = -errno;
    if (error)
        report(probe, LAYER_EGRESS, LAYER_MISSING,
               "no sandbox reaches a network: sandbox-egress: %s; install it beside this program",
               strerror(-error));
    else if (!probe->own_uids)
        report(probe, LAYER_EGRESS, LAYER_WEAKER, "its proxy runs as uid %u of the service; start it as root",
               geteuid());
    else
        report(probe, LAYER_EGRESS, LAYER_ON, "%s", "");
}

void probe_run(const struct cgroup_root *cgroups, struct probe *ret_probe)
{
    struct probe probe = {0};
    probe_namespaces(&probe);
    probe_process(&probe);
    probe_uids(&probe);
    probe_egress(&probe);
    probe_limits(&probe, cgroups);
    probe.seccomp = probe_filter(&probe, LAYER_SECCOMP, operation_seccomp, no_seccomp);
    if (probe_filter(&probe, LAYER_LANDLOCK, operation_landlock, no_landlock))
        probe_landlock_abi(&probe);
    *ret_probe = probe;
}

// In a container root may have CAP_SETUID over its few mapped ids only.
static bool mapped(const char *file, uint32_t id)
{
    AUTO_FILE FILE *map = fopen(file, "re");
    unsigned first, outside, count;
    while (map && fscanf(map, "%u %u %u", &first, &outside, &count) == 3) {
        if (id >= first && id - first < count)
            return true;
    }
    return false;
}

static void probe_command_uid(struct probe *probe, uint32_t uid)
{
    probe_uids(probe);
    if (!probe->own_uids)
        report(probe, LAYER_HOST_UID, LAYER_WEAKER,
               "it runs as the caller's uid %u; start it as root for one uid each", geteuid());
    else if (!mapped("/proc/self/uid_map", uid) || !mapped("/proc/self/gid_map", uid))
        report(probe, LAYER_HOST_UID, LAYER_WEAKER,
               "it runs as the caller's uid: this container has no uid %u; give it more", uid);
    probe->own_uids = probe->layers[LAYER_HOST_UID].state == LAYER_ON;
}

// A command without groups is held by rlimits where that is possible (plan_command).
static void probe_fallback_limits(struct probe *probe, const struct cgroup_root *cgroups,
                                  enum profile profile)
{
    if (cgroups->backend != CGROUP_NONE) // then its groups hold what they can, and rlimits nothing
        return;
    const char *advice = geteuid() == 0
                             ? "give this container control groups that it may write (/sys/fs/cgroup)"
                             : "start it as root or in a delegated group (systemd-run --user --scope)";
    report(probe, LAYER_PROCESS_LIMIT, LAYER_WEAKER, "RLIMIT_NPROC; %s", advice);
    if (profile == PROFILE_CODE)
        report(probe, LAYER_MEMORY_LIMIT, LAYER_WEAKER, "of each process, not of all together; %s", advice);
    else
        report(probe, LAYER_MEMORY_LIMIT, LAYER_MISSING, "no control group; %s", advice);
    report(probe, LAYER_CPU_LIMIT, LAYER_MISSING, "no control group; %s", advice);
}

void probe_ask(const struct cgroup_root *cgroups, uint32_t uid, const struct plan_command *command,
               struct probe *ret_probe)
{
    static const uint32_t wanted = SECCOMP_RET_ERRNO;
    struct probe probe = {0};
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        report(&probe, (enum layer)i, LAYER_ON, "%s", "");
    probe_command_uid(&probe, uid);
    if (command->network)
        probe_egress(&probe);
    probe_limits(&probe, cgroups);
    probe_fallback_limits(&probe, cgroups, command->profile);
    probe_landlock_abi(&probe);
    probe.seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &wanted) == 0;
    if (!probe.seccomp)
        report(&probe, LAYER_SECCOMP, LAYER_MISSING, "%s", no_seccomp);
    *ret_probe = probe;
}

static void print_row(const char *name, const struct layer_report *row, FILE *out)
{
    fprintf(out, "%s\t%s\t%s\n", name, layer_state_name(row->state), row->detail);
}

void probe_print(const struct probe *probe, FILE *out)
{
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        print_row(layer_name(i), &probe->layers[i], out);
}

void probe_print_foundation(const struct foundation_ids *ids, FILE *out)
{
    struct foundation foundation = FOUNDATION_NONE;
    int error = foundation_make(ids, &foundation);
    struct layer_report row = {.state = error ? LAYER_MISSING : LAYER_ON};
    if (error)
        snprintf(row.detail, sizeof(row.detail),
                 "%s; a filter of system calls or a security module refuses it", strerror(-error));
    print_row(ISOLATION_FOUNDATION, &row, out);
    foundation_finish(&foundation);
}
