#include "sandbox/executor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define BORROWER_STACK (256u * 1024)

#if PROCESS_CAN_SHARE
// The child begins on a stack of its own, so no function of its maker's can return there: it goes on with this one.
static long clone_onto(struct clone_args *arguments, int (*function)(void *data), void *data)
{
    register int (*r12)(void *) __asm__("r12") = function;
    register void *r13 __asm__("r13") = data;
    long result;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r13, %%rdi\n\t"
                     "call *%%r12\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(arguments), "S"(sizeof(*arguments)), "r"(r12), "r"(r13)
                     : "rcx", "r11", "memory");
    return result;
}
#else
static long clone_onto(struct clone_args *arguments, int (*function)(void *data), void *data)
{
    (void)arguments, (void)function, (void)data;
    return -ENOSYS;
}
#endif

static void want_pidfd(struct clone_args *arguments, int *pidfd)
{
    arguments->flags |= CLONE_PIDFD;
    arguments->pidfd = (uint64_t)(uintptr_t)pidfd;
    // With CLONE_PARENT it is inherited.
    arguments->exit_signal = arguments->flags & CLONE_PARENT ? 0 : SIGCHLD;
}

static void want_cgroup(struct clone_args *arguments, int cgroup)
{
    if (cgroup < 0)
        return;
    arguments->flags |= CLONE_INTO_CGROUP;
    arguments->cgroup = (uint64_t)cgroup;
}

pid_t process_fork(uint64_t flags, int *ret_pidfd)
{
    return process_fork_into(-1, flags, ret_pidfd);
}

pid_t process_fork_into(int cgroup, uint64_t flags, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args arguments = {.flags = flags};
    want_cgroup(&arguments, cgroup);
    want_pidfd(&arguments, &pidfd);
    long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

pid_t process_borrow(int cgroup, uint64_t flags, int (*function)(void *data), void *data, int *ret_pidfd)
{
    static _Alignas(16) char stack[BORROWER_STACK];
    int pidfd = -1;
    struct clone_args arguments = {.flags = flags | CLONE_VM | CLONE_VFORK,
                                   .stack = (uint64_t)(uintptr_t)stack,
                                   .stack_size = sizeof(stack)};
    want_cgroup(&arguments, cgroup);
    want_pidfd(&arguments, &pidfd);
    long pid = clone_onto(&arguments, function, data);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

// /proc/loadavg: three averages, then how many want to run now, this one included.
bool process_has_room(void)
{
    char text[80] = "";
    cpu_set_t processors;
    AUTO_FD int fd = PROCESS_CAN_SHARE ? open("/proc/loadavg", O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
        sched_getaffinity(0, sizeof(processors), &processors) < 0)
        return false;
    const char *field = text;
    for (unsigned i = 0; i < 3 && field; i++) {
        field = strchr(field, ' ');
        field = field ? field + 1 : NULL;
    }
    return field && strtol(field, NULL, 10) < CPU_COUNT(&processors);
}
