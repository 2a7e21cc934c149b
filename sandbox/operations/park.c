// The end of the plan of a sandbox that waits for its command: pid 1, and beneath it the process that will execute it, made and confined
// already. A claim costs that process one read and the exec.

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/init_channel.h"
#include "lib/ipc.h"
#include "lib/reap.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"

#define WAITER_STACK 65536
#define NAME "sandbox-park"
#define NOT_FOUND 127 // as env(1)
#define NOT_EXECUTABLE 126

// The maker's memory is copied into the sandbox, so its descriptors must not be: exec does not come to close them in pid 1.
static int keep(int setup)
{
    if (close_range(INIT_CHANNEL_FD + 1, (unsigned)setup - 1, 0) < 0 ||
        close_range((unsigned)setup + 1, ~0u, 0) < 0)
        return -errno;
    return 0;
}

__attribute__((noreturn)) static int wait_for_command(void *data)
{
    const struct run *run = data;
    struct init_message buffer, message;
    const char *words[COMMAND_WORDS_MAX + 1];
    sigset_t none;
    sigemptyset(&none);
    AUTO_PACKET struct ipc_packet packet = {0};
    close(run->setup);
    if (setpgid(0, 0) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
        ipc_receive(INIT_CHANNEL_FD, &buffer, sizeof(buffer), &packet) < 0 ||
        init_message_decode(&buffer, packet.length, packet.fd_count, INIT_SIDE_SANDBOXD, &message) < 0 ||
        message.kind != INIT_RUN || !command_words_take(&message.run, words))
        _exit(EXIT_FAILURE); // nobody comes any more
    close(INIT_CHANNEL_FD);
    int error = operation_execute(words, run->launch->plan->environment);
    _exit(error == -ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
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

// Until the command ends, or the service does.
__attribute__((noreturn)) static void serve(const struct run *run, int signals, pid_t command)
{
    struct pollfd fds[] = {{.fd = run->setup, .events = POLLRDHUP}, {.fd = signals, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            _exit(EXIT_FAILURE);
        if (fds[0].revents) {
            reap_everything(run->setup);
            _exit(EXIT_SUCCESS);
        }
        struct signalfd_siginfo info;
        if (fds[1].revents && read(signals, &info, sizeof(info)) > 0)
            reap(run, command);
    }
}

// Both do nothing but wait until the command comes, so they can share their memory until it is executed: errno too, which they read only when
// something failed, and then the sandbox ends.
static pid_t make_waiter(struct run *run)
{
    static _Alignas(16) char stack[WAITER_STACK];
    if (PROCESS_CAN_SHARE)
        return clone(wait_for_command, stack + sizeof(stack), CLONE_VM | SIGCHLD, run);
    pid_t pid = fork();
    if (pid == 0)
        wait_for_command(run);
    return pid;
}

int operation_park(struct run *run, const struct operation *operation)
{
    (void)operation;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int error = keep(run->setup);
    if (error)
        return error;
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || sigprocmask(SIG_BLOCK, &child, NULL) < 0)
        return -errno;
    AUTO_FD int signals = signalfd(-1, &child, SFD_CLOEXEC);
    pid_t pid = signals < 0 ? -1 : make_waiter(run);
    if (pid < 0)
        return -errno;
    close_range(0, INIT_CHANNEL_FD, 0);
    prctl(PR_SET_NAME, NAME);
    // Who holds it decides when the mounts go: the end of this process need not wait for that.
    AUTO_FD int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    error = mounts < 0 ? -errno : tell(run, SETUP_RUNNING, 0, &mounts);
    if (error)
        return error;
    close(steal_fd(&mounts));
    serve(run, signals, pid);
}
