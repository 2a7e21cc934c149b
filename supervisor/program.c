#include "supervisor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

enum step { STEP_SESSION, STEP_CGROUP, STEP_FILES, STEP_IDENTITY, STEP_DEATH_SIGNAL, STEP_EXEC };

static const char *const step_names[] = {
    [STEP_SESSION] = "new session",       [STEP_CGROUP] = "join its control group",
    [STEP_FILES] = "open its files",      [STEP_IDENTITY] = "change to its user",
    [STEP_DEATH_SIGNAL] = "death signal", [STEP_EXEC] = "execute",
};

struct failure {
    enum step step;
    int error;
};

__attribute__((format(printf, 3, 0))) static int append(char **table, size_t maximum, const char *format,
                                                        va_list arguments)
{
    size_t count = 0;

    while (table[count])
        count++;
    if (count == maximum)
        return -E2BIG;
    if (vasprintf(&table[count], format, arguments) < 0) {
        table[count] = NULL;
        return -ENOMEM;
    }
    return 0;
}

int program_add_argument(struct program *program, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int result = append(program->arguments, PROGRAM_ARGUMENTS_MAX, format, arguments);
    va_end(arguments);
    return result;
}

int program_add_environment(struct program *program, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int result = append(program->environment, PROGRAM_ENVIRONMENT_MAX, format, arguments);
    va_end(arguments);
    return result;
}

void program_finish(struct program *program)
{
    for (size_t i = 0; i <= PROGRAM_ARGUMENTS_MAX; i++)
        free(program->arguments[i]);
    for (size_t i = 0; i <= PROGRAM_ENVIRONMENT_MAX; i++)
        free(program->environment[i]);
    *program = (struct program){0};
}

static int open_input(const char *text)
{
    int ends[2];

    if (!text)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    ssize_t written = write(ends[1], text, strlen(text));
    close(ends[1]);
    if (written != (ssize_t)strlen(text)) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

// The operator's terminal is usually open for reading too. A program that gets a user of its own is given it for
// writing only, lest it read what is typed there once it was taken over.
static int open_log(const struct program *program)
{
    const char *path = program->log_path;

    if (path[0] != '\0')
        return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (program->identity.switches && isatty(STDERR_FILENO))
        return open("/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    return STDERR_FILENO;
}

static int set_up_files(const struct program *program, int input_fd)
{
    int log_fd = open_log(program);

    if (log_fd < 0)
        return -errno;
    if (dup2(input_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0)
        return -errno;
    if (close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
        return -errno;
    // A core dump would hold secrets.
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) < 0 || chdir("/") < 0)
        return -errno;
    umask(022);
    return 0;
}

// Changing ids clears the death signal, so it comes after them; a parent that died before it is noticed by
// getppid().
static int set_death_signal(int signal, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(signal, &action, NULL); // SIGKILL, SIGSTOP and libc's own signals refuse, and need no reset
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct failure run_child(const struct program *program, char *const *environment, int input_fd,
                                pid_t parent)
{
    int result;

    reset_signals();
    // A session of its own: a terminal's Ctrl-C reaches the supervisor alone, which stops the programs in
    // order.
    if (setsid() < 0)
        return (struct failure){STEP_SESSION, errno};
    if (program->cgroup && (result = cgroup_join_daemon(program->cgroup)) < 0)
        return (struct failure){STEP_CGROUP, -result};
    if ((result = set_up_files(program, input_fd)) < 0)
        return (struct failure){STEP_FILES, -result};
    if ((result = identity_become(&program->identity)) < 0)
        return (struct failure){STEP_IDENTITY, -result};
    if ((result = set_death_signal(program->stop_signal, parent)) < 0)
        return (struct failure){STEP_DEATH_SIGNAL, -result};
    execve(program->arguments[0], program->arguments, environment);
    return (struct failure){STEP_EXEC, errno};
}

static int wait_for_exec(int read_end, pid_t pid, const char **ret_step)
{
    struct failure failure;
    ssize_t length;

    do {
        length = read(read_end, &failure, sizeof(failure));
    } while (length < 0 && errno == EINTR);
    if (length == 0)
        return 0;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (length != sizeof(failure)) {
        *ret_step = "start";
        return -EIO;
    }
    *ret_step = step_names[failure.step];
    return -failure.error;
}

int program_start(const struct program *program, const char *notify_path, pid_t *ret_pid,
                  const char **ret_step)
{
    char *environment[PROGRAM_ENVIRONMENT_MAX + 3];
    AUTO_FREE char *notify_entry = NULL;
    AUTO_FREE char *watchdog_entry = NULL;
    pid_t parent = getpid();
    int ends[2];

    *ret_step = "prepare";
    if (notify_path && asprintf(&notify_entry, "NOTIFY_SOCKET=%s", notify_path) < 0)
        return -ENOMEM;
    if (program->watchdog_seconds > 0 &&
        asprintf(&watchdog_entry, "WATCHDOG_USEC=%d000000", program->watchdog_seconds) < 0)
        return -ENOMEM;
    size_t count = 0;
    for (; program->environment[count]; count++)
        environment[count] = program->environment[count];
    if (notify_entry)
        environment[count++] = notify_entry;
    if (watchdog_entry)
        environment[count++] = watchdog_entry;
    environment[count] = NULL;

    AUTO_FD int input_fd = open_input(program->input);
    if (input_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int read_end = ends[0];
    AUTO_FD int write_end = ends[1];

    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        struct failure failure = run_child(program, environment, input_fd, parent);
        _exit(write(write_end, &failure, sizeof(failure)) == sizeof(failure) ? 127 : 126);
    }
    close(steal_fd(&write_end));
    int result = wait_for_exec(read_end, pid, ret_step);
    if (result == 0)
        *ret_pid = pid;
    return result;
}
