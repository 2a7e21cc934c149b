#include "sandbox/process.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t process_fork(uint64_t flags, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args arguments = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, // with CLONE_PARENT it is inherited
    };
    long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}
