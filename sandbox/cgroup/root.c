// The delegated groups: found, tried, cleared.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/executor/launch.h"
#include "sandbox/executor/process.h"

#define DAEMON_GROUP "daemon"
#define TRIAL_GROUP "trial"
#define LEFTOVER_DEADLINE_MS 5000

struct group {
    int base;
    const char *name;
    const struct cgroup_owners *owners;
    pid_t wanted;
};

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int open_groups(const char *path, struct cgroup_root *root)
{
    struct cgroup_paths paths;
    int error = cgroup_find_own(path, &paths);
    if (error)
        return error;
    for (unsigned i = 0; i < CGROUP_HIERARCHY_COUNT; i++) {
        if (!paths.path[i][0])
            continue;
        AUTO_FD int fd = open(paths.path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
            root->base[i] = steal_fd(&fd);
    }
    return 0;
}

int cgroup_enable_below(int group, struct cgroup_root *root)
{
    static const char *const names[] = {
        [CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu", [CGROUP_PIDS] = "pids"};
    for (unsigned i = 0; i <= CGROUP_PIDS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "+%s", names[i] ? names[i] : "");
        if (names[i])
            cgroup_write(group, ".", "cgroup.subtree_control", text); // what was refused is not listed
    }
    cgroup_write(group, ".", "cgroup.subtree_control", "+io");
    AUTO_FREE char *enabled = NULL;
    int error = read_file_at(group, "cgroup.subtree_control", CGROUP_FILE_MAX, &enabled, NULL);
    for (unsigned i = 0; i <= CGROUP_PIDS && !error; i++)
        root->controls[i] = names[i] && text_has_word(enabled, " \n", names[i]);
    return error;
}

// A v2 group with controllers for its children can't hold processes of its own: the daemon moves into a leaf
// first.
static void enable_v2(struct cgroup_root *root)
{
    int base = root->base[CGROUP_UNIFIED];
    if (cgroup_holds_processes(base) && (mkdirat(base, DAEMON_GROUP, 0755) == 0 || errno == EEXIST))
        cgroup_write(base, DAEMON_GROUP, "cgroup.procs", "0");
    if (!cgroup_holds_processes(base) && cgroup_enable_below(base, root) == 0)
        root->controls[CGROUP_CPUACCT] = true; // cpu.stat is in every group
}

// Whether a child can really join: cgroup2 besides asks for write access to the common ancestor's
// cgroup.procs.
static bool can_join(int base, bool unified)
{
    if (mkdirat(base, TRIAL_GROUP, 0755) < 0 && errno != EEXIST)
        return false;
    AUTO_FD int directory = openat(base, TRIAL_GROUP, O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int tasks = unified ? -1 : openat(base, TRIAL_GROUP "/tasks", O_WRONLY | O_CLOEXEC);
    AUTO_FD int pidfd = -1;
    int status = 1;
    pid_t pid = process_fork_into(unified ? directory : -1, 0, &pidfd);
    if (pid == 0)
        _exit(unified || write_all(tasks, "0", 1) == 0 ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    unlinkat(base, TRIAL_GROUP, AT_REMOVEDIR);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void drop_base(struct cgroup_root *root, unsigned hierarchy)
{
    cleanup_fd(&root->base[hierarchy]);
    root->base[hierarchy] = -1;
}

static void try_groups(struct cgroup_root *root, bool hybrid)
{
    bool v1 = false;
    for (unsigned i = 0; i < CGROUP_UNIFIED; i++) {
        root->controls[i] = hybrid && root->base[i] >= 0 && can_join(root->base[i], false);
        if (!root->controls[i])
            drop_base(root, i);
        v1 |= root->controls[i];
    }
    int unified = root->base[CGROUP_UNIFIED];
    if (unified >= 0 && !v1)
        enable_v2(root);
    if (unified >= 0 && !can_join(unified, true)) {
        drop_base(root, CGROUP_UNIFIED);
        for (unsigned i = 0; i < CGROUP_UNIFIED && !v1; i++)
            root->controls[i] = false;
    }
    if (v1)
        root->backend = CGROUP_HYBRID;
    else if (root->base[CGROUP_UNIFIED] >= 0)
        root->backend = CGROUP_V2;
}

int cgroup_root_open(const char *wanted, const char *path, struct cgroup_root *ret_root)
{
    struct cgroup_root root = {.backend = CGROUP_NONE, .base = {-1, -1, -1, -1, -1}};
    if (strcmp(wanted, "none") != 0) {
        int error = open_groups(path, &root);
        if (error)
            return error;
        try_groups(&root, strcmp(wanted, "v2") != 0);
    }
    bool had = strcmp(wanted, "auto") == 0 || strcmp(wanted, "none") == 0 ||
               root.backend == (strcmp(wanted, "v2") == 0 ? CGROUP_V2 : CGROUP_HYBRID);
    if (!had) {
        cgroup_root_close(&root);
        return -ENOTSUP;
    }
    *ret_root = root;
    return 0;
}

void cgroup_root_close(struct cgroup_root *root)
{
    for (unsigned i = 0; i < CGROUP_HIERARCHY_COUNT; i++)
        drop_base(root, i);
}

// /proc/PID is always owned by the uid of the process, dumpable or not.
static int process_uid(pid_t pid, uid_t *ret_uid)
{
    char path[32];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &status) < 0)
        return -errno;
    *ret_uid = status.st_uid;
    return 0;
}

typedef int process_fn(const struct group *group, pid_t pid);

static int for_each_process(const struct group *group, process_fn *call)
{
    char path[64];
    AUTO_FREE char *processes = NULL;
    snprintf(path, sizeof(path), "%s/cgroup.procs", group->name);
    int error = read_file_at(group->base, path, CGROUP_FILE_MAX, &processes, NULL);
    char *rest = processes;
    for (char *line; !error && (line = strsep(&rest, "\n"));) {
        long pid = strtol(line, NULL, 10);
        error = pid > 0 ? call(group, (pid_t)pid) : 0;
    }
    return error;
}

static int check_owner(const struct group *group, pid_t pid)
{
    uid_t uid;
    int error = process_uid(pid, &uid);
    if (error)
        return error == -ENOENT ? 0 : error;
    const struct cgroup_owners *owners = group->owners;
    return uid == owners->own || (uid >= owners->first && uid - owners->first < owners->count) ? 0 : -EPERM;
}

static int is_wanted(const struct group *group, pid_t pid)
{
    return pid == group->wanted ? -EEXIST : 0;
}

// The number may be another process's by now. It is the listed one when it is listed while the descriptor's process lives.
static int end_process(const struct group *group, pid_t pid)
{
    AUTO_FD int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return errno == ESRCH ? 0 : -errno;
    struct group again = *group;
    again.wanted = pid;
    int error = for_each_process(&again, is_wanted);
    if (error != -EEXIST)
        return error;
    uid_t uid;
    error = check_owner(group, pid);
    if (!error)
        error = process_uid(pid, &uid);
    if (error)
        return error == -ENOENT ? 0 : error;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (poll(&ended, 1, 0) == 1)
        return 0;
    launch_kill(pidfd, uid);
    return poll(&ended, 1, LEFTOVER_DEADLINE_MS) == 1 ? 0 : -ETIMEDOUT;
}

static int clear_group(const struct group *group)
{
    int error = for_each_process(group, check_owner);
    if (!error) {
        cgroup_write(group->base, group->name, "cgroup.kill", "1"); // not everywhere
        error = for_each_process(group, end_process);
    }
    if (error)
        return error == -ENOENT ? 0 : error;
    return unlinkat(group->base, group->name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

// Without SANDBOX_CGROUP_PATH the base is the group of whoever started this, who may have others in it.
static bool is_ours(const char *name)
{
    size_t digits = strspn(name + 1, "0123456789");
    return (name[0] == 's' || name[0] == 'v' || name[0] == 'x' || name[0] == 'e') && digits > 0 &&
           digits < CGROUP_NAME_MAX - 1 && name[1 + digits] == '\0';
}

static int clear_hierarchy(int base, const struct cgroup_owners *owners)
{
    CLEANUP(cleanup_dir) DIR *dir = NULL;
    AUTO_FD int copy = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0 || !(dir = fdopendir(copy)))
        return -errno;
    steal_fd(&copy);
    int error = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct group group = {.base = base, .name = entry->d_name, .owners = owners};
        int result = entry->d_type == DT_DIR && is_ours(entry->d_name) ? clear_group(&group) : 0;
        error = error ? error : result;
    }
    return error;
}

int cgroup_clear(const struct cgroup_root *root, const struct cgroup_owners *owners)
{
    int error = 0;
    for (int i = CGROUP_HIERARCHY_COUNT - 1; i >= 0; i--) {
        int result = root->base[i] >= 0 ? clear_hierarchy(root->base[i], owners) : 0;
        error = error ? error : result;
    }
    return error;
}
