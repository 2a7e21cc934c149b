#include "sandbox/process.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BORROWER_STACK (256u * 1024)

static pid_t make(struct clone_args *arguments, int *ret_pidfd)
{
    int pidfd = -1;
    arguments->flags |= CLONE_PIDFD;
    arguments->pidfd = (uint64_t)(uintptr_t)&pidfd;
    // With CLONE_PARENT it is inherited.
    arguments->exit_signal = arguments->flags & CLONE_PARENT ? 0 : SIGCHLD;
    long pid = syscall(SYS_clone3, arguments, sizeof(*arguments));
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

pid_t process_fork(uint64_t flags, int *ret_pidfd)
{
    struct clone_args arguments = {.flags = flags};
    return make(&arguments, ret_pidfd);
}

pid_t process_fork_into(int cgroup, uint64_t flags, int *ret_pidfd)
{
    struct clone_args arguments = {.flags = flags};
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup;
    }
    return make(&arguments, ret_pidfd);
}

pid_t process_borrow(int (*function)(void *data), void *data, int *ret_pidfd)
{
    static _Alignas(16) char stack[BORROWER_STACK];
    int pidfd = -1;
    int pid =
        clone(function, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, data, &pidfd);
    if (pid < 0)
        return -errno;
    *ret_pidfd = pidfd;
    return pid;
}
