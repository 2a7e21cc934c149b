// A home directory and its owner. The service has no CAP_CHOWN: a directory is made and given away by a
// short-lived child in a user namespace that maps just the uids in question.

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/executor/process.h"
#include "sandbox/home/home.h"
#include "sandbox/operations/operations.h"

#define INSIDE_OWNER 1

static int check_owner(int storage, const char *name, uid_t owner)
{
    AUTO_FD int home = -1;
    int error = open_beneath(storage, name, O_PATH | O_DIRECTORY, 0, &home);
    if (error)
        return error;
    struct stat status;
    if (fstat(home, &status) < 0)
        return -errno;
    return status.st_uid == owner ? 0 : -EPERM;
}

static int make_home(int storage, const char *name)
{
    return mkdirat(storage, name, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_map(pid_t pid, const char *file, unsigned service, const struct process_map *others)
{
    char path[64], map[160];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int length = snprintf(map, sizeof(map), "0 %u 1\n", service);
    for (unsigned i = 0; i < others->count; i++)
        length += snprintf(map + length, sizeof(map) - (size_t)length, "%u %u 1\n", i + 1, others->ids[i]);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, map, (size_t)length);
}

// Without capabilities only the own id can be mapped, and the groups only when they are given up.
static int deny_groups(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, "deny", 4);
}

// Half-made homes never show under their name: made under another one, given away, then renamed into place.
static int make_for_owner(int storage, const char *name)
{
    char making[64];
    if (snprintf(making, sizeof(making), ".making-%s", name) >= (int)sizeof(making))
        return -ENAMETOOLONG;
    if (unlinkat(storage, making, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return -errno;
    int error = make_home(storage, making);
    if (error)
        return error;
    if (fchownat(storage, making, INSIDE_OWNER, INSIDE_OWNER, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(storage, making, storage, name) < 0)
        return -errno;
    return 0;
}

// In the child: waits for the map (a byte comes when it is written), then works as root of its namespace.
__attribute__((noreturn)) static void work(int ready, home_task *task, void *data)
{
    char byte;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || read(ready, &byte, 1) != 1)
        _exit(EIO);
    int error = setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -errno : task(data);
    _exit(-error & 0xff);
}

static int give_map(pid_t pid, int ready, const struct process_map *map)
{
    int error = deny_groups(pid);
    if (!error)
        error = write_map(pid, "uid_map", geteuid(), map);
    if (!error)
        error = write_map(pid, "gid_map", getegid(), map);
    return error ? error : write_all(ready, "x", 1);
}

int home_run_mapped(const struct process_map *map, home_task *task, void *data)
{
    int ends[2];
    if (prctl(PR_SET_DUMPABLE, 1) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int ready = ends[0];
    AUTO_FD int tell = ends[1];
    AUTO_FD int pidfd = -1;
    pid_t pid = process_fork(CLONE_NEWUSER, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0) {
        close(tell);
        work(ready, task, data);
    }
    int error = give_map(pid, tell, map);
    close(steal_fd(&tell));
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (error)
        return error;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

struct making {
    int storage;
    const char *name;
};

static int make_task(void *data)
{
    const struct making *making = data;
    return make_for_owner(making->storage, making->name);
}

int home_make(int storage, const char *name, uid_t owner)
{
    int error = check_owner(storage, name, owner);
    if (error != -ENOENT)
        return error;
    struct process_map map = {.ids = {owner}, .count = 1};
    struct making making = {.storage = storage, .name = name};
    error = owner == geteuid() ? make_home(storage, name) : home_run_mapped(&map, make_task, &making);
    return error ? error : check_owner(storage, name, owner);
}

int operation_home(struct run *run, const struct operation *operation)
{
    (void)run;
    AUTO_FD int storage = open(operation->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0)
        return -errno;
    uid_t owner = operation->number < 0 ? geteuid() : (uid_t)operation->number;
    int error = check_owner(storage, operation->target, owner);
    if (!error && !home_unsettled(storage, operation->target))
        return 0;
    if (error && error != -ENOENT)
        return error;
    if (flock(storage, LOCK_EX) < 0) // two sandboxes of one new owner may start at once
        return -errno;
    error = home_settle(storage, operation->target);
    if (error == -HOME_TOO_LARGE || error == -HOME_FOREIGN)
        return -EPERM;
    return error ? error : home_make(storage, operation->target, owner);
}
