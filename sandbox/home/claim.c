#include "sandbox/home/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/executor/process.h"
#include "sandbox/home/home.h"
#include "sandbox/operations/operations.h"

#define HOME_INSIDE "/home/user"

static int become(const struct claim *claim)
{
    uid_t id = claim->host_uid;
    if (!claim->own_uids)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
        return -errno;
    return drop_capabilities();
}

// The sandbox's root is read-only and nothing of the owner's ran in it yet; the path is walked strictly all the same.
static int attach_home(int home)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    AUTO_FD int target = (int)syscall(SYS_openat2, AT_FDCWD, HOME_INSIDE, &how, sizeof(how));
    if (target < 0)
        return -errno;
    return move_mount(home, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno
                                                                                                   : 0;
}

static int resize(const char *path, uint32_t mb)
{
    char size[16];
    snprintf(size, sizeof(size), "%um", mb);
    AUTO_FD int context = fspick(AT_FDCWD, path, FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT);
    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
        return -errno;
    return 0;
}

// As plan/plan.c sizes them.
static int resize_memory_file_systems(const struct claim *claim)
{
    uint32_t memory = claim->limits.memory_mb;
    if (memory == claim->tmpfs_mb)
        return 0;
    int error = resize("/tmp", memory / 2);
    if (!error)
        error = resize("/dev/shm", memory / 2);
    return error ? error : resize("/run", memory / 8);
}

static int give(const struct claim *claim)
{
    struct home_move move = {
        .storage = claim->storage, .name = claim->home, .to = claim->host_uid, .most = CLAIM_ENTRIES_MAX};
    AUTO_FD int home = -1;
    int error = home_take(&move, &home);
    if (!error)
        error = become(claim);
    if (error)
        return error;
    // Who made a user namespace has every right in it, and so may enter the sandbox as its own uid.
    if (setns(claim->init, CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return -errno;
    error = attach_home(home);
    return error ? error : resize_memory_file_systems(claim);
}

int claim_start(const struct claim *claim, int *ret_pidfd, int *ret_over)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int over = ends[0];
    AUTO_FD int held = ends[1]; // by the child and those that it starts
    (void)held;
    AUTO_FD int pidfd = -1;
    pid_t pid = process_fork(0, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0) {
        // A successor of the service must not find its homes half given away by a stranger.
        int error = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : give(claim);
        _exit(-error & 0xff);
    }
    *ret_pidfd = steal_fd(&pidfd);
    *ret_over = steal_fd(&over);
    return 0;
}

enum claim_result claim_result(int status, const char **ret_why)
{
    if (!WIFEXITED(status)) {
        *ret_why = "killed";
        return CLAIM_FAILED;
    }
    switch (WEXITSTATUS(status)) {
    case 0:
        *ret_why = "";
        return CLAIM_DONE;
    case HOME_TOO_LARGE:
        *ret_why = "home_large";
        return CLAIM_UNFIT;
    case HOME_FOREIGN:
        *ret_why = "home_foreign";
        return CLAIM_UNFIT;
    default:
        *ret_why = strerror(WEXITSTATUS(status));
        return CLAIM_FAILED;
    }
}
