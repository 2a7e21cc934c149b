#include "sandbox/executor/launch.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"

#define USAGE_BLOCK_BYTES 512 // getrusage(2) counts output in these

static operation_fn *const functions[OPERATION_COUNT] = {
    [OPERATION_HOME] = operation_home,
    [OPERATION_CGROUPS] = operation_cgroups,
    [OPERATION_ENTER] = operation_enter,
    [OPERATION_BECOME] = operation_become,
    [OPERATION_NAMESPACES] = operation_namespaces,
    [OPERATION_NETWORK] = operation_network,
    [OPERATION_MAP_IDS] = operation_map_ids,
    [OPERATION_SESSION] = operation_session,
    [OPERATION_HOSTNAME] = operation_hostname,
    [OPERATION_LOOPBACK] = operation_loopback,
    [OPERATION_LISTENER] = operation_listener,
    [OPERATION_ADMISSION] = operation_admission,
    [OPERATION_ROOT] = operation_root,
    [OPERATION_DIRECTORY] = operation_directory,
    [OPERATION_LINK] = operation_link,
    [OPERATION_FILE] = operation_file,
    [OPERATION_BIND] = operation_bind,
    [OPERATION_BIND_HOME] = operation_bind_home,
    [OPERATION_TMPFS] = operation_tmpfs,
    [OPERATION_TERMINALS] = operation_terminals,
    [OPERATION_PROCESSES] = operation_processes,
    [OPERATION_NO_PROCESSES] = operation_no_processes,
    [OPERATION_SYSCTL] = operation_sysctl,
    [OPERATION_WRITABLE] = operation_writable,
    [OPERATION_READ_ONLY] = operation_read_only,
    [OPERATION_EMPTY] = operation_empty,
    [OPERATION_MASK] = operation_mask,
    [OPERATION_MASKING] = operation_masking,
    [OPERATION_MASKED] = operation_masked,
    [OPERATION_PIVOT] = operation_pivot,
    [OPERATION_READ_ONLY_ROOT] = operation_read_only_root,
    [OPERATION_CAPABILITIES] = operation_capabilities,
    [OPERATION_LIMITS] = operation_limits,
    [OPERATION_NO_NEW_PRIVILEGES] = operation_no_new_privileges,
    [OPERATION_LANDLOCK] = operation_landlock,
    [OPERATION_SECCOMP] = operation_seccomp,
    [OPERATION_DESCRIPTORS] = operation_descriptors,
    [OPERATION_CGROUP_NAMESPACE] = operation_cgroup_namespace,
    [OPERATION_PROCESS_LIMIT] = operation_process_limit,
    [OPERATION_MEMORY_LIMIT] = operation_memory_limit,
    [OPERATION_DIRECTORY_CHANGE] = operation_directory_change,
    [OPERATION_EXEC] = operation_exec,
    [OPERATION_RUN] = operation_run,
    [OPERATION_PARK] = operation_park,
};

struct start {
    const struct launch *launch;
    int setup;
};

static int work_off(struct run *run)
{
    const struct plan *plan = run->launch->plan;
    int error = 0;
    for (size_t i = 0; i < PLAN_OPERATIONS_MAX; i++)
        run->sources[i] = -1;
    for (; run->position < plan->count && !error; run->position += !error) {
        const struct operation *operation = &plan->operations[run->position];
        error = functions[operation->kind](run, operation);
    }
    return error;
}

static int run_plan(void *data)
{
    const struct start *start = data;
    struct run run = {.launch = start->launch, .setup = start->setup};
    int error = work_off(&run);
    if (error) {
        // An operation may fail on behalf of a later one, whose source it opens.
        enum operation_kind failed = run.launch->plan->operations[run.position].kind;
        struct setup_message message = {.kind = SETUP_FAILED, .operation = failed, .error = -error};
        ipc_send(run.setup, &message, sizeof(message), NULL, 0);
    }
    _exit(EXIT_FAILURE); // never into the frames of whom it shares memory with
}

int launch_work(const struct plan *plan)
{
    const struct launch launch = {.plan = plan};
    struct run run = {.launch = &launch, .setup = -1};
    return work_off(&run);
}

void launch_mounts_finish(struct launch_mounts *mounts)
{
    while (mounts->count > 0)
        close(mounts->fds[--mounts->count]);
}

int launch_start_with(const struct launch *launch, int setup, uint64_t flags, int *ret_builder)
{
    int builder = -1;
    struct start start = {.launch = launch, .setup = setup};
    int cgroup = launch->cgroup.born ? launch->cgroup.directory : -1;
    pid_t pid = launch->borrow && PROCESS_CAN_SHARE
                    ? process_borrow(cgroup, flags, run_plan, &start, &builder)
                    : process_fork_into(cgroup, flags, &builder);
    if (pid < 0)
        return (int)pid;
    if (pid == 0)
        run_plan(&start);
    *ret_builder = builder;
    return 0;
}

int launch_start(const struct launch *launch, struct launched *ret_launched)
{
    int pair[2];
    int error = ipc_pair(0, pair);
    if (error)
        return error;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    int builder;
    error = set_nonblocking(ours);
    if (!error)
        error = launch_start_with(launch, theirs, 0, &builder);
    if (error)
        return error;
    *ret_launched = (struct launched){.builder = builder, .setup = steal_fd(&ours)};
    return 0;
}

int launch_join(int setup, const struct cgroup_entry *entry)
{
    struct setup_message message = {.kind = SETUP_JOIN};
    return ipc_send(setup, &message, sizeof(message), entry->tasks, entry->count);
}

int launch_receive(int setup, enum setup_event *ret_event, struct setup_message *ret_message, int *ret_fd)
{
    struct setup_message message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(setup, &message, sizeof(message), &packet);
    // A peer that left a packet of ours unread (launch_join): the kernel tells that once, ahead of what the peer said before its end.
    if (error == -ECONNRESET)
        error = ipc_receive(setup, &message, sizeof(message), &packet);
    if (error == -ECONNRESET) {
        *ret_event = SETUP_EVENT_EXECUTED;
        return 0;
    }
    if (error)
        return error;
    static const struct {
        enum setup_event event;
        bool descriptor;
    } kinds[] = {
        [SETUP_STARTED] = {SETUP_EVENT_STARTED, true}, [SETUP_LISTENER] = {SETUP_EVENT_LISTENER, true},
        [SETUP_FAILED] = {SETUP_EVENT_FAILED, false},  [SETUP_RUNNING] = {SETUP_EVENT_RUNNING, true},
        [SETUP_ENDED] = {SETUP_EVENT_ENDED, false},    [SETUP_HELD] = {SETUP_EVENT_HELD, false}};
    if (packet.length != sizeof(message) || message.kind < SETUP_STARTED || message.kind > SETUP_HELD ||
        packet.fd_count != (kinds[message.kind].descriptor ? 1 : 0) || message.operation >= OPERATION_COUNT)
        return -EBADMSG;
    *ret_message = message;
    *ret_event = kinds[message.kind].event;
    if (kinds[message.kind].descriptor)
        *ret_fd = steal_fd(&packet.fds[0]);
    return 0;
}

static int ask(int setup, enum setup_kind kind)
{
    struct setup_message message = {.kind = kind};
    return ipc_send(setup, &message, sizeof(message), NULL, 0);
}

int launch_admit(int setup)
{
    return ask(setup, SETUP_ADMITTED);
}

int launch_hold(int setup)
{
    return ask(setup, SETUP_HOLD);
}

int launch_continue(int setup)
{
    return ask(setup, SETUP_CONTINUE);
}

int launch_kill(int pidfd, uid_t uid)
{
    if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0 || errno == ESRCH)
        return 0;
    if (errno != EPERM)
        return -errno;
    AUTO_FD int killer = -1;
    pid_t pid = process_fork(0, &killer);
    if (pid < 0)
        return (int)pid;
    if (pid == 0) {
        bool killed = setresuid(uid, uid, uid) == 0 && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0;
        _exit(killed || errno == ESRCH ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -EPERM;
}

static int reap(int pidfd, int *ret_status, struct rusage *usage)
{
    siginfo_t info = {0};
    // That of libc tells no usage.
    while (syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG, usage) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (info.si_pid == 0)
        return 0;
    *ret_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status;
    return 1;
}

int launch_reap(int pidfd, int *ret_status)
{
    return reap(pidfd, ret_status, NULL);
}

int launch_reap_init(int pidfd, int *ret_status, uint64_t *ret_written_bytes)
{
    struct rusage usage = {0};
    int ended = reap(pidfd, ret_status, &usage);
    // A kernel without CONFIG_TASK_IO_ACCOUNTING has no such file, and tells 0.
    bool counted = access("/proc/self/io", F_OK) == 0;
    if (ended == 1)
        *ret_written_bytes = counted && *ret_status == 0 && usage.ru_oublock >= 0
                                 ? (uint64_t)usage.ru_oublock * USAGE_BLOCK_BYTES
                                 : UINT64_MAX;
    return ended;
}

const char *launch_describe_end(int status, char number[static 12])
{
    bool signalled = WIFSIGNALED(status);
    snprintf(number, 12, "%d", signalled ? WTERMSIG(status) : WEXITSTATUS(status));
    return signalled ? "signal" : "status";
}
