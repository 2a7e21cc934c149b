// Pid 1 of a command's sandbox: starts the command, reaps what is left to it, tells the command's end. The command is not pid 1 itself, since
// the kernel keeps signals without a handler from pid 1, and a program does not expect other programs' children.

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/reap.h"
#include "sandbox/operations/operations.h"
#include "sandbox/plan/tables.h"

#define CHILD_STACK 65536
#define INIT_NAME "sandbox-run"
#define HOLD_PAUSE_MS 1 // nobody tells when a process has stopped that is not a child

struct command {
    const char **words, **variables;
    int error; // why it could not be executed; the child shares this memory until it is
};

// As execvp(3), by the path that is told to the program and not the one of the service.
int operation_execute(const char *const *words, const char *const *variables)
{
    const char *name = words[0];
    char *const *arguments = (char *const *)words;
    char *const *environment = (char *const *)variables;
    if (strchr(name, '/')) {
        execve(name, arguments, environment);
        return -errno;
    }
    static const char *const directories[] = {PLAN_COMMAND_DIRECTORIES};
    int error = -ENOENT;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        char path[512];
        if (snprintf(path, sizeof(path), "%s/%s", directories[i], name) >= (int)sizeof(path))
            return -ENOENT;
        execve(path, arguments, environment);
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return -errno;
        error = errno == EACCES ? -EACCES : error;
    }
    return error;
}

static int child(void *data)
{
    struct command *command = data;
    command->error = setpgid(0, 0) < 0 ? -errno : operation_execute(command->words, command->variables);
    _exit(EXIT_FAILURE);
}

// Waits until the child executes or fails, as vfork(2) does, but keeps the stacks apart and gives a pidfd.
static pid_t start(struct command *command, int *ret_pidfd)
{
    static _Alignas(16) char stack[CHILD_STACK];
    int pidfd = -1;
    int pid =
        clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, command, &pidfd);
    if (pid < 0)
        return -errno;
    *ret_pidfd = pidfd;
    return command->error ? command->error : pid;
}

static int tell(const struct run *run, enum setup_kind kind, int status, const int *fd)
{
    struct setup_message message = {.kind = kind, .status = status};
    return ipc_send(run->setup, &message, sizeof(message), fd, fd ? 1 : 0);
}

static void reap(const struct run *run, pid_t command)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == command) {
            tell(run, SETUP_ENDED, status, NULL);
            reap_everything(run->setup);
            _exit(EXIT_SUCCESS);
        }
    }
}

// What sandbox-run asks for: that all stop, or that they go on. True while they are to stop.
static bool take_wish(const struct run *run, bool holding)
{
    struct setup_message message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(run->setup, &message, sizeof(message), &packet);
    if (error == -ECONNRESET)
        _exit(EXIT_SUCCESS); // nobody is left to run it for
    if (error || packet.length != sizeof(message))
        return holding;
    if (message.kind == SETUP_CONTINUE)
        kill(-1, SIGCONT);
    return message.kind == SETUP_HOLD;
}

// Until the command ends, or sandbox-run does.
__attribute__((noreturn)) static void serve(const struct run *run, int signals, pid_t command)
{
    struct pollfd fds[] = {{.fd = run->setup, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    bool holding = false;
    for (;;) {
        reap(run, command);
        if (poll(fds, 2, holding ? HOLD_PAUSE_MS : -1) < 0 && errno != EINTR)
            _exit(EXIT_FAILURE);
        struct signalfd_siginfo info;
        if (fds[1].revents && read(signals, &info, sizeof(info)) < 0)
            _exit(EXIT_FAILURE);
        if (fds[0].revents)
            holding = take_wish(run, holding);
        if (holding && hold_everything()) {
            holding = false;
            tell(run, SETUP_HELD, 0, NULL);
        }
    }
}

// Ended by NULL; nothing gives it back but the end of this process.
static const char **copy(const char *const *strings)
{
    size_t count = 0;
    while (strings[count])
        count++;
    const char **copies = calloc(count + 1, sizeof(*copies));
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = strdup(strings[i]);
        if (!copies[i])
            return NULL;
    }
    return copies;
}

int operation_run(struct run *run, const struct operation *operation)
{
    (void)operation;
    const struct launch *launch = run->launch;
    AUTO_FD int pidfd = -1;
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    AUTO_FD int signals = signalfd(-1, &child_ended, SFD_CLOEXEC);
    if (signals < 0)
        return -errno;
    // The line may hold paths of the host, and the command reads it in /proc as soon as it runs; its words and variables lie in it.
    struct command command = {.words = copy(launch->plan->command),
                              .variables = copy(launch->plan->environment)};
    if (!command.words || !command.variables)
        return -ENOMEM;
    if (launch->own_line)
        memset(launch->own_line, 0, launch->own_line_length);
    pid_t pid = start(&command, &pidfd);
    if (pid < 0)
        return pid;
    // A pipe's reader sees its end when the command closes it.
    close(0);
    close(1);
    close(2);
    prctl(PR_SET_NAME, INIT_NAME);
    sigprocmask(SIG_BLOCK, &child_ended,
                NULL); // the command has it as it was; what ended before is reaped first
    int error = tell(run, SETUP_RUNNING, 0, &pidfd);
    if (error)
        return error;
    close(steal_fd(&pidfd));
    serve(run, signals, pid);
}
