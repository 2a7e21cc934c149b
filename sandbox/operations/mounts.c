#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"
#include "sandbox/plan/tables.h"

// Every host has it, and what lies below is not needed until the root is left.
#define ROOT_MOUNT_POINT "/tmp"

static int set_attributes(int mount, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
    return mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

// A detached copy of what the path names below the directory (or, empty, of that one), with what is mounted below: in a user namespace the kernel
// refuses to show what a mount covers.
static int detach_copy(int directory, const char *path, uint64_t attributes, int *ret_mount)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_NO_AUTOMOUNT;
    AUTO_FD int mount = open_tree(directory, path, flags | (*path ? 0 : AT_EMPTY_PATH));
    if (mount < 0)
        return -errno;
    int error = set_attributes(mount, attributes);
    if (error)
        return error;
    *ret_mount = steal_fd(&mount);
    return 0;
}

static int attach(int mount, const char *target)
{
    return move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static uint64_t bind_attributes(int64_t flags)
{
    return (flags & BIND_WRITABLE ? 0 : MOUNT_ATTR_RDONLY) | MOUNT_ATTR_NOSUID |
           (flags & BIND_DEVICE ? 0 : MOUNT_ATTR_NODEV) | (flags & BIND_EXECUTABLE ? 0 : MOUNT_ATTR_NOEXEC);
}

static int open_bind(const struct operation *operation, int *ret_mount)
{
    struct stat status;
    if ((operation->number & BIND_SYSTEM) && lstat(operation->source, &status) == 0 &&
        S_ISLNK(status.st_mode))
        return 0;
    int error = detach_copy(AT_FDCWD, operation->source, bind_attributes(operation->number), ret_mount);
    return error == -ENOENT && (operation->number & BIND_OPTIONAL) ? 0 : error;
}

static int open_home(struct run *run, const struct operation *operation, int *ret_mount)
{
    AUTO_FD int storage = open(operation->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0)
        return -errno;
    AUTO_FD int home = -1;
    int error = open_beneath(storage, operation->data, O_PATH | O_DIRECTORY, 0, &home);
    if (error)
        return error;
    struct stat status;
    if (fstat(home, &status) < 0)
        return -errno;
    if (status.st_uid != geteuid()) // mapped: only the owner's own uid reads as ours
        return -EPERM;
    (void)run;
    return detach_copy(home, "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, ret_mount);
}

// The sources are opened before the new root covers any of them.
static int open_sources(struct run *run)
{
    const struct plan *plan = run->launch->plan;
    size_t prepared = 0;
    for (size_t i = run->position; i < plan->count; i++) {
        const struct operation *operation = &plan->operations[i];
        int error = 0;
        if (operation->kind == OPERATION_BIND && (operation->number & BIND_PREPARED))
            run->sources[i] = prepared < run->launch->mounts.count ? run->launch->mounts.fds[prepared++] : -1;
        else if (operation->kind == OPERATION_BIND)
            error = open_bind(operation, &run->sources[i]);
        else if (operation->kind == OPERATION_BIND_HOME)
            error = open_home(run, operation, &run->sources[i]);
        if (error) {
            run->position = i; // what failed is that operation
            return error;
        }
    }
    return 0;
}

static int new_file_system(const char *type, const char *options, uint64_t attributes, const char *target)
{
    AUTO_FD int context = fsopen(type, FSOPEN_CLOEXEC);
    if (context < 0)
        return -errno;
    char copy[128];
    if (snprintf(copy, sizeof(copy), "%s", options) >= (int)sizeof(copy))
        return -E2BIG;
    char *rest = copy;
    for (char *option; (option = strsep(&rest, ","));) {
        char *value = strchr(option, '=');
        if (!value)
            continue;
        *value++ = '\0';
        if (fsconfig(context, FSCONFIG_SET_STRING, option, value, 0) < 0)
            return -errno;
    }
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    AUTO_FD int mount = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
    return mount < 0 ? -errno : attach(mount, target);
}

int operation_root(struct run *run, const struct operation *operation)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    int error = open_sources(run);
    if (error)
        return error;
    error =
        new_file_system("tmpfs", operation->source, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, ROOT_MOUNT_POINT);
    if (error)
        return error;
    return chdir(ROOT_MOUNT_POINT) < 0 ? -errno : 0;
}

// The mount point of a source: a directory for a directory, an empty file for anything else.
static int make_mount_point(int source, const char *target)
{
    struct stat status;
    if (fstat(source, &status) < 0)
        return -errno;
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof(parent), "%s", target) >= (int)sizeof(parent))
        return -ENAMETOOLONG;
    for (char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    if (S_ISDIR(status.st_mode))
        return mkdir(target, 0755) < 0 && errno != EEXIST ? -errno : 0;
    AUTO_FD int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    return fd < 0 && errno != EEXIST ? -errno : 0;
}

// The place of a path that the caller chose, below a directory of the new root or of what is shared already: made where it is missing. No link
// on the way leads out of the new root, which is not the process's root yet.
static int open_place(const char *target, bool directory, int *ret_place)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    AUTO_FD int parent = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char path[PATH_MAX];
    if (parent < 0)
        return -errno;
    if (snprintf(path, sizeof(path), "%s", target) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    for (char *step = path, *slash; *step; step = slash + 1) {
        slash = strchrnul(step, '/');
        bool last = *slash == '\0';
        *slash = '\0';
        if (!last || directory ? mkdirat(parent, step, 0755) < 0 && errno != EEXIST
                               : mknodat(parent, step, S_IFREG | 0444, 0) < 0 && errno != EEXIST)
            return -errno;
        int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
        if (fd < 0)
            return -errno;
        close(parent);
        parent = fd;
        if (last)
            break;
        *slash = '/';
    }
    *ret_place = steal_fd(&parent);
    return 0;
}

static int attach_at_place(int source, const char *target)
{
    struct stat status;
    AUTO_FD int place = -1;
    if (fstat(source, &status) < 0)
        return -errno;
    int error = open_place(target, S_ISDIR(status.st_mode), &place);
    if (error)
        return error;
    return move_mount(source, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno
                                                                                                    : 0;
}

static int copy_link(const struct operation *operation)
{
    char text[256];
    ssize_t length = readlink(operation->source, text, sizeof(text) - 1);
    if (length < 0)
        return errno == ENOENT || errno == EINVAL ? 0 : -errno;
    text[length] = '\0';
    return symlink(text, operation->target) < 0 ? -errno : 0;
}

int operation_bind(struct run *run, const struct operation *operation)
{
    int source = run->sources[run->position];
    if (source < 0)
        return operation->number & BIND_SYSTEM ? copy_link(operation) : 0;
    int error;
    if (operation->number & BIND_GRANT) {
        error = attach_at_place(source, operation->target);
    } else {
        error = make_mount_point(source, operation->target);
        if (!error)
            error = attach(source, operation->target);
    }
    close(source);
    run->sources[run->position] = -1;
    return error;
}

int operation_bind_home(struct run *run, const struct operation *operation)
{
    return operation_bind(run, operation);
}

int operation_tmpfs(struct run *run, const struct operation *operation)
{
    (void)run;
    return new_file_system("tmpfs", operation->source, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                           operation->target);
}

int operation_terminals(struct run *run, const struct operation *operation)
{
    (void)run;
    return new_file_system("devpts", "ptmxmode=0666,mode=0620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                           operation->target);
}

int operation_processes(struct run *run, const struct operation *operation)
{
    (void)run;
    return new_file_system("proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                           operation->target);
}

// The kernel lets a user namespace have its own proc only where another one lies open. This one has no processes of anybody.
int operation_no_processes(struct run *run, const struct operation *operation)
{
    AUTO_FD int pidfd = -1;
    pid_t pid = process_fork(CLONE_NEWPID, &pidfd);
    if (pid == 0)
        _exit(-operation_processes(run, operation) & 0xff);
    if (pid < 0)
        return (int)pid;
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int operation_writable(struct run *run, const struct operation *operation)
{
    (void)run;
    return mount(operation->source ? operation->source : operation->target, operation->target, NULL, MS_BIND,
                 NULL) < 0
               ? -errno
               : 0;
}

int operation_read_only(struct run *run, const struct operation *operation)
{
    (void)run;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount(operation->target, operation->target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return errno == ENOENT ? 0 : -errno;
    return mount_setattr(AT_FDCWD, operation->target, AT_RECURSIVE, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int operation_empty(struct run *run, const struct operation *operation)
{
    (void)run;
    if (mkdir(operation->target, 0555) < 0 ||
        mount(operation->target, operation->target, NULL, MS_BIND, NULL) < 0)
        return -errno;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC};
    return mount_setattr(AT_FDCWD, operation->target, 0, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int operation_pivot(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    // Stacks the old root over the new one, from where it is detached (pivot_root(2), "pivot_root(".",
    // ".")").
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

int operation_read_only_root(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)) < 0 ? -errno : 0;
}
