#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 30000

static void require(bool condition, const char *what)
{
    if (!condition) {
        perror(what);
        abort();
    }
}

static int finish(pid_t pid)
{
    int status;
    require(waitpid(pid, &status, 0) == pid, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A memfd takes any amount without a reader.
static int memory_file(const char *text)
{
    int fd = memfd_create("run", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0,
            "memfd");
    return fd;
}

static void take(int fd, char text[static RUN_OUTPUT_MAX])
{
    ssize_t n = pread(fd, text, RUN_OUTPUT_MAX - 1, 0);
    require(n >= 0, "pread");
    text[n] = '\0';
    close(fd);
}

_Noreturn static void execute(const char *const *argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

void run_program(struct run *run, const char *input, const char *const *argv)
{
    int files[3] = {memory_file(input), memory_file(""), memory_file("")};
    pid_t pid = fork();
    require(pid >= 0, "fork");
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            dup2(files[i], i);
        setsid(); // no terminal to ask
        execute(argv);
    }
    run->status = finish(pid);
    close(files[0]);
    take(files[1], run->output);
    take(files[2], run->errors);
}

// Reads what the terminal shows until the program asks again or ends; false at its end.
static bool read_until_asked(int terminal, struct run *run, size_t *length)
{
    for (;;) {
        struct pollfd watched = {.fd = terminal, .events = POLLIN};
        require(poll(&watched, 1, DEADLINE_MS) == 1, "the program neither asks nor ends");
        ssize_t n = read(terminal, run->output + *length, RUN_OUTPUT_MAX - 1 - *length);
        if (n <= 0)
            return false;
        *length += (size_t)n;
        run->output[*length] = '\0';
        if (*length >= 2 && memcmp(run->output + *length - 2, ": ", 2) == 0)
            return true;
    }
}

void run_on_terminal(struct run *run, const char *const *lines, const char *const *argv)
{
    int terminal;
    size_t length = 0;
    run->output[0] = '\0';
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    require(pid >= 0, "forkpty");
    if (pid == 0)
        execute(argv);
    while (read_until_asked(terminal, run, &length)) {
        if (*lines) {
            require(write(terminal, *lines, strlen(*lines)) > 0, "write");
            lines++;
        }
    }
    run->status = finish(pid);
    close(terminal);
}
