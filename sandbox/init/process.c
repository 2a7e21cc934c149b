#include "sandbox/init/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define PARKING_FD 64
#define PASSED_MAX 4
#define NAME_MAX_BYTES 64

static int set_out_of_memory_score(int score)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%d", score);
    // A process that is not dumpable can't open its own file. From here on the user's programs reach what this process has, as after the exec.
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    AUTO_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, text, (size_t)length);
}

static int pass_fds(const struct program *program)
{
    struct passed_fd moves[PASSED_MAX + 3];
    size_t count = 3;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || program->fd_count > PASSED_MAX)
        return null < 0 ? -errno : -E2BIG;
    for (int i = 0; i < 3; i++)
        moves[i] = (struct passed_fd){null, i};
    for (size_t i = 0; i < program->fd_count; i++)
        moves[count++] = program->fds[i];
    // First out of the way, so that no move overwrites a descriptor that is still to be moved.
    for (size_t i = 0; i < count; i++) {
        moves[i].fd = fcntl(moves[i].fd, F_DUPFD_CLOEXEC, PARKING_FD);
        if (moves[i].fd < 0)
            return -errno;
    }
    if (close_range(3, PARKING_FD - 1, 0) < 0)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        if (dup2(moves[i].fd, moves[i].place) < 0)
            return -errno;
    }
    return close_range(PARKING_FD, ~0u, 0) < 0 ? -errno : 0;
}

static int add_environment(const char *const *environment)
{
    for (; environment && *environment; environment++) {
        char name[NAME_MAX_BYTES];
        const char *equals = strchr(*environment, '=');
        size_t length = equals ? (size_t)(equals - *environment) : sizeof(name);
        if (length >= sizeof(name))
            return -EINVAL;
        memcpy(name, *environment, length);
        name[length] = '\0';
        if (setenv(name, equals + 1, 1) < 0)
            return -errno;
    }
    return 0;
}

__attribute__((noreturn)) static void become(const struct program *program)
{
    sigset_t none;
    sigemptyset(&none);
    char pid[32];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    const char *home = getenv("HOME");
    if (home && chdir(home) < 0 && chdir("/") < 0)
        _exit(127);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == 0 && setsid() >= 0 && pass_fds(program) == 0 &&
        set_out_of_memory_score(program->out_of_memory_score) == 0 &&
        add_environment(program->environment) == 0 && setenv("LISTEN_PID", pid, 1) == 0)
        execvp(program->arguments[0], (char *const *)program->arguments);
    _exit(127);
}

pid_t process_start(const struct program *program)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become(program);
    return pid;
}
