#pragma once
// What can't be undone is tried in a child: it returns the line of the first expectation that failed, or 0.

#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// By the system call itself: what is in force may leave nothing for exit handlers.
#define CHILD_EXPECT(condition)                                                                              \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            syscall(SYS_exit_group, __LINE__ % 251 + 1);                                                     \
    } while (0)

// Its status as waitpid(2) gives it.
static inline int in_child(void (*function)(void))
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        function();
        syscall(SYS_exit_group, 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    return status;
}
