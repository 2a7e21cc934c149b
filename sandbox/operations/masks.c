// Masks: what of the own proc is covered. They are the largest part of a start, and nothing of them can be kept: a mask belongs to a proc, and
// that one to a pid namespace. A second process lays them beside the rest.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"
#include "sandbox/plan/tables.h"

#define MAKER_STACK (64u * 1024)

// A system call without errno, which the two processes share: that a file is absent is no failure, and must not become one of the other process.
#if PROCESS_CAN_SHARE
static long call(long number, long first, const void *second, const void *third, long fourth,
                 const void *fifth)
{
    register long r10 __asm__("r10") = fourth;
    register const void *r8 __asm__("r8") = fifth;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
#else
static long call(long number, long first, const void *second, const void *third, long fourth,
                 const void *fifth)
{
    long result = syscall(number, first, second, third, fourth, fifth);
    return result < 0 ? -errno : result;
}
#endif

int operation_mask(struct run *run, const struct operation *operation)
{
    (void)run;
    struct stat status;
    long error = call(SYS_newfstatat, AT_FDCWD, operation->target, &status, AT_SYMLINK_NOFOLLOW, NULL);
    if (error)
        return error == -ENOENT ? 0 : (int)error;
    // Nobody inside can become an owner that the user namespace does not know.
    bool shut = (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 && status.st_uid != geteuid();
    if (shut && !S_ISDIR(status.st_mode))
        return 0;
    // Both sources' mounts are read-only, nosuid and noexec already, and a bind of them is the same. The wrong kind would be refused, but only
    // after the kernel waited for all processors.
    const char *source = S_ISDIR(status.st_mode) ? PLAN_EMPTY_DIRECTORY : "dev/null";
    return (int)call(SYS_mount, (long)(uintptr_t)source, operation->target, NULL, MS_BIND, NULL);
}

__attribute__((unused)) static int maker(void *data) // unused where memory can't be shared
{
    struct run *run = data;
    struct run_masks *masks = &run->masks;
    int error = 0;
    for (; masks->position < masks->end && !error; masks->position += !error)
        error = operation_mask(run, &run->launch->plan->operations[masks->position]);
    masks->error = error;
    _exit(EXIT_SUCCESS);
}

// It has the same root and working directory, but not together with this process: where that one goes makes no difference to it. What it
// needs is there from here on, the rights are its own.
int operation_masking(struct run *run, const struct operation *operation)
{
    static _Alignas(16) char stack[MAKER_STACK];
    struct run_masks *masks = &run->masks;
    *masks = (struct run_masks){.position = run->position + 1, .error = -ECHILD};
    masks->end = masks->position + (size_t)operation->number;
    if (process_has_room())
        masks->maker = clone(maker, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, run);
    if (masks->maker < 0 && errno != EAGAIN)
        return -errno;
    if (masks->maker > 0) // a group of one process has no room for it: then they are laid in their turn
        run->position = masks->end - 1;
    return 0;
}

int operation_masked(struct run *run, const struct operation *operation)
{
    (void)operation;
    struct run_masks *masks = &run->masks;
    if (masks->maker <= 0)
        return 0;
    while (waitpid(masks->maker, NULL, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (masks->error)
        run->position = masks->position; // what failed is that one
    return masks->error;
}
