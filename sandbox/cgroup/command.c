#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/cgroup/cgroup.h"

#define CALLER_GROUP "sandbox-run"

static int open_writable(const char *path)
{
    AUTO_FD int fd = *path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0 ||
        faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return -1;
    return steal_fd(&fd);
}

static void open_v1(const struct cgroup_paths *paths, struct cgroup_root *root)
{
    for (unsigned i = 0; i < CGROUP_UNIFIED; i++) {
        root->base[i] = open_writable(paths->path[i]);
        root->controls[i] = root->base[i] >= 0;
        if (root->controls[i])
            root->backend = CGROUP_HYBRID;
    }
}

// A group that systemd delegated to this one process alone: it moves to a leaf, and the group can have others below it. The leaf goes with the unit.
static void leave_own_group(int group)
{
    char processes[32] = "", delegated = '0', text[32];
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    AUTO_FD int list = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    if (list < 0 || read(list, processes, sizeof(processes) - 1) < 0 || strcmp(processes, text) != 0 ||
        fgetxattr(group, "user.delegate", &delegated, 1) != 1 || delegated != '1')
        return;
    if (mkdirat(group, CALLER_GROUP, 0755) == 0 || errno == EEXIST)
        cgroup_write(group, CALLER_GROUP, "cgroup.procs",
                     "0"); // where it failed the next group above is tried
}

// Whether groups below this one have any controller.
static bool controls_below(int group, struct cgroup_root *root)
{
    return cgroup_enable_below(group, root) == 0 &&
           (root->controls[CGROUP_MEMORY] || root->controls[CGROUP_CPU] || root->controls[CGROUP_PIDS]);
}

static void open_v2(const struct cgroup_paths *paths, struct cgroup_root *root)
{
    char path[sizeof(paths->path[0])];
    snprintf(path, sizeof(path), "%s", paths->path[CGROUP_UNIFIED]);
    while (*path) {
        AUTO_FD int group = open_writable(path);
        if (group >= 0)
            leave_own_group(group);
        if (group >= 0 && !cgroup_holds_processes(group) && controls_below(group, root)) {
            root->base[CGROUP_UNIFIED] = steal_fd(&group);
            root->backend = CGROUP_V2;
            return;
        }
        char *last = strrchr(path, '/');
        if (!last)
            return;
        *last = '\0';
        // Above the mount there is no such file, and the search ends.
        if (group < 0 && access(path, F_OK) < 0)
            return;
    }
}

int cgroup_root_for_command(struct cgroup_root *ret_root)
{
    struct cgroup_root root = {.backend = CGROUP_NONE, .base = {-1, -1, -1, -1, -1}};
    struct cgroup_paths paths;
    int error = cgroup_find_own("", &paths);
    if (error)
        return error;
    open_v1(&paths, &root);
    if (root.backend == CGROUP_NONE)
        open_v2(&paths, &root);
    *ret_root = root;
    return 0;
}

static bool is_of_the_dead(const char *name)
{
    const size_t prefix = sizeof(CGROUP_COMMAND_PREFIX) - 1;
    if (strncmp(name, CGROUP_COMMAND_PREFIX, prefix) != 0 || strlen(name) >= CGROUP_NAME_MAX)
        return false;
    char *end;
    long pid = strtol(name + prefix, &end, 10);
    return pid > 0 && pid <= INT_MAX && *end == '\0' && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void cgroup_sweep_commands(const struct cgroup_root *root)
{
    unsigned listed = 0;
    while (listed < CGROUP_HIERARCHY_COUNT && root->base[listed] < 0)
        listed++;
    if (listed == CGROUP_HIERARCHY_COUNT)
        return;
    int fd = openat(root->base[listed], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        struct cgroup cgroup;
        if (entry->d_type != DT_DIR || !is_of_the_dead(entry->d_name))
            continue;
        snprintf(cgroup.name, sizeof(cgroup.name), "%.*s", CGROUP_NAME_MAX - 1, entry->d_name);
        cgroup_remove(root, &cgroup); // fails where its last process is still to end: the next one finds it
    }
    if (directory)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
}

// A v1 group has no way to die as a whole, but tells of its out-of-memory killer.
static int watch_v1(int base, const char *name, int *ret_fd)
{
    char path[64], text[32];
    snprintf(path, sizeof(path), "%s/memory.oom_control", name);
    AUTO_FD int control = openat(base, path, O_RDONLY | O_CLOEXEC);
    AUTO_FD int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (control < 0 || event < 0)
        return -errno;
    snprintf(text, sizeof(text), "%d %d", event, control);
    int error = cgroup_write(base, name, "cgroup.event_control", text);
    if (!error)
        *ret_fd = steal_fd(&event);
    return error;
}

int cgroup_end_with_memory(const struct cgroup_root *root, const struct cgroup *cgroup, int *ret_fd)
{
    *ret_fd = -1;
    if (!cgroup->name[0] || !root->controls[CGROUP_MEMORY])
        return 0;
    if (root->backend == CGROUP_V2)
        return cgroup_write(root->base[CGROUP_UNIFIED], cgroup->name, "memory.oom.group", "1");
    return watch_v1(root->base[CGROUP_MEMORY], cgroup->name, ret_fd);
}
