#include "sandbox/run/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/executor/process.h"

static int write_map(pid_t pid, const char *file, unsigned on_disk, unsigned seen)
{
    char path[64], map[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int length = snprintf(map, sizeof(map), "%u %u 1\n", on_disk, seen);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, map, (size_t)length);
}

// A user namespace is made by a process; this one ends as soon as its namespace is held by a descriptor.
static int make_mapping(const struct stat *owner, uid_t uid, int *ret_namespace)
{
    AUTO_FD int pidfd = -1;
    pid_t pid = process_fork(CLONE_NEWUSER, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0) {
        pause();
        _exit(EXIT_SUCCESS);
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    int error = write_map(pid, "uid_map", owner->st_uid, uid);
    if (!error)
        error = write_map(pid, "gid_map", owner->st_gid, uid);
    int fd = error ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!error && fd < 0)
        error = -errno;
    pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!error)
        *ret_namespace = fd;
    return error;
}

// A path that is mapped already keeps its mapping: a mount takes one only.
static int map_owner(int mount, const struct stat *owner, uid_t uid)
{
    AUTO_FD int namespace = -1;
    int error = make_mapping(owner, uid, &namespace);
    if (error)
        return error;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) namespace};
    return mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int share(const struct plan_bind *bind, uid_t uid, int *ret_mount)
{
    struct stat owner;
    AUTO_FD int mount = open_tree(AT_FDCWD, bind->path,
                                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
    if (mount < 0 || fstat(mount, &owner) < 0)
        return -errno;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                          (bind->writable ? 0 : MOUNT_ATTR_RDONLY),
                              .propagation = MS_PRIVATE};
    if (mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
        return -errno;
    int error = map_owner(mount, &owner, uid);
    if (error)
        fprintf(
            stderr,
            "sandbox-run: %s: its owner can't be mapped (%s): the command may do there what everybody may\n",
            bind->path, strerror(-error));
    *ret_mount = steal_fd(&mount);
    return 0;
}

int share_paths(const struct options *options, uid_t uid, struct launch_mounts *mounts)
{
    for (size_t i = 0; i < options->command.bind_count; i++) {
        int error = share(&options->binds[i], uid, &mounts->fds[mounts->count]);
        if (error)
            return error;
        mounts->count++;
    }
    return 0;
}
