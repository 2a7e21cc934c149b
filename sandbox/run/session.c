#include "sandbox/run/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/executor/launch.h"
#include "sandbox/run/output.h"
#include "sandbox/run/signals.h"
#include "sandbox/run/terminal.h"

#define REMOVAL_TRIES 2000
#define REMOVAL_PAUSE_MS 1
#define SIGNAL_GROUP 4u // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9

enum source { SOURCE_SETUP, SOURCE_INIT, SOURCE_SIGNALS, SOURCE_TIMER, SOURCE_MEMORY, SOURCE_COUNT };

struct session {
    const struct options *options;
    const struct cgroup_root *cgroups;
    struct cgroup cgroup;
    int fds[SOURCE_COUNT]; // by source; -1: none
    int builder, command;  // pidfds
    struct output output;
    struct terminal terminal;
    struct run_network *network;
    bool running; // the command was started
    bool ended;   // pid 1 is reaped: nothing of the sandbox runs
    bool asked;   // somebody asked the command to end
    int waiting;  // a signal that came before the command was there
    bool stop;    // all is to stop, and sandbox-run with it
    bool holding; // pid 1 was asked for that, and has not answered
    struct outcome *outcome;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void session_finish(struct session *session)
{
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        cleanup_fd(&session->fds[i]);
    cleanup_fd(&session->builder);
    cleanup_fd(&session->command);
    output_finish(&session->output);
    terminal_finish(&session->terminal);
    // A group stays busy for a moment after its last process was reaped, and tells nobody when that is over.
    for (unsigned i = 0; i < REMOVAL_TRIES && cgroup_remove(session->cgroups, &session->cgroup) == -EBUSY;
         i++)
        poll(NULL, 0, REMOVAL_PAUSE_MS);
}

// Pid 1 takes its whole pid namespace along, whatever sessions and groups the processes made. The first cause stays.
static void end(struct session *session, enum stop_reason cause)
{
    if (session->outcome->cause == STOP_NONE)
        session->outcome->cause = cause;
    cgroup_lift_cpu(session->cgroups, &session->cgroup);
    if (session->fds[SOURCE_INIT] >= 0)
        pidfd_send_signal(session->fds[SOURCE_INIT], SIGKILL, NULL, 0);
    else if (session->builder >= 0)
        pidfd_send_signal(session->builder, SIGKILL, NULL, 0);
}

static void signal_command(const struct session *session, int number)
{
    if (session->command < 0)
        return;
    // Before Linux 6.9 only the command itself can be reached.
    if (pidfd_send_signal(session->command, number, NULL, SIGNAL_GROUP) < 0 && errno == EINVAL)
        pidfd_send_signal(session->command, number, NULL, 0);
}

// Pid 1 stops the sandbox: sandbox-run follows when nothing of it reads the terminal any more.
static void hold(struct session *session)
{
    if (session->running && !session->holding && session->fds[SOURCE_SETUP] >= 0)
        session->holding = launch_hold(session->fds[SOURCE_SETUP]) == 0;
}

static void on_held(struct session *session)
{
    // The default action of SIGTSTP would not stop a process group that has no relative outside of it.
    while (session->stop) {
        terminal_release(&session->terminal);
        raise(SIGSTOP);
        session->stop = !terminal_is_free(&session->terminal);
    }
    session->holding = false;
    launch_continue(session->fds[SOURCE_SETUP]);
}

static void on_signal(struct session *session)
{
    struct signalfd_siginfo info;
    if (read(session->fds[SOURCE_SIGNALS], &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    int number = (int)info.ssi_signo;
    if (number == SIGTSTP || number == SIGCONT)
        session->stop = number == SIGTSTP;
    if (session->stop)
        hold(session);
    if (number == SIGTSTP || (number == SIGCONT && session->holding))
        return; // pid 1 is told to go on once it has answered
    session->asked |= signals_ask_for_end(number);
    if (!session->running)
        session->waiting = number; // the command may run and have written already, before we are told
    signal_command(session, number);
}

// Ends what could not be set up from outside.
static void fail_setup(struct session *session, enum operation_kind kind, int error)
{
    session->outcome->kind = kind;
    session->outcome->operation = operation_name(kind);
    session->outcome->error = error;
    end(session, STOP_START_FAILED);
}

// Nothing of the command runs before its network policy holds.
static void on_listener(struct session *session, int listener)
{
    int error = run_network_admit(session->network, session->options, listener);
    if (!error)
        error = launch_admit(session->fds[SOURCE_SETUP]);
    if (error)
        fail_setup(session, OPERATION_ADMISSION, -error);
}

static void on_setup(struct session *session)
{
    struct setup_message message = {0};
    enum setup_event event;
    int pidfd = -1;
    int error = launch_receive(session->fds[SOURCE_SETUP], &event, &message, &pidfd);
    if (error == -EAGAIN)
        return;
    if (error) {
        fail_setup(session, OPERATION_NAMESPACES, error == -EPROTO ? EMFILE : -error);
        cleanup_fd(&session->fds[SOURCE_SETUP]);
        session->fds[SOURCE_SETUP] = -1;
        return;
    }
    switch (event) {
    case SETUP_EVENT_STARTED:
        session->fds[SOURCE_INIT] = pidfd;
        if (session->outcome->cause != STOP_NONE) // it was ended before its process was known
            end(session, session->outcome->cause);
        return;
    case SETUP_EVENT_LISTENER:
        on_listener(session, pidfd);
        return;
    case SETUP_EVENT_RUNNING:
        session->command = pidfd;
        session->running = true;
        if (session->waiting)
            signal_command(session, session->waiting);
        if (session->stop)
            hold(session);
        return;
    case SETUP_EVENT_HELD:
        on_held(session);
        return;
    case SETUP_EVENT_ENDED:
        cgroup_lift_cpu(session->cgroups, &session->cgroup); // what it left behind ends now
        session->outcome->status = message.status;
        if (session->outcome->cause == STOP_NONE)
            session->outcome->cause = WIFSIGNALED(message.status) ? STOP_SIGNALLED : STOP_EXITED;
        return;
    case SETUP_EVENT_FAILED:
        if (session->outcome->cause == STOP_NONE) {
            session->outcome->cause = STOP_START_FAILED;
            session->outcome->kind = message.operation;
            session->outcome->operation = operation_name(message.operation);
            session->outcome->error = message.error;
        }
        return;
    case SETUP_EVENT_EXECUTED:
        cleanup_fd(&session->fds[SOURCE_SETUP]);
        session->fds[SOURCE_SETUP] = -1;
        return;
    }
}

static void on_init_ended(struct session *session)
{
    struct rusage usage;
    struct outcome *outcome = session->outcome;
    int status;
    if (launch_reap_init(session->fds[SOURCE_INIT], &status, &outcome->written_bytes) != 1)
        return;
    session->ended = true;
    if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
        return;
    outcome->cpu_us = ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000 +
                      (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
    outcome->peak_memory_bytes =
        (uint64_t)usage.ru_maxrss * 1024; // of the largest process, if no group counted
}

static enum stop_reason memory_cause(const struct session *session)
{
    return cgroup_met_memory_limit(session->cgroups, &session->cgroup) ? STOP_MEMORY : STOP_HOST_MEMORY;
}

// The killer comes for the own limit, or for that of a group above: then it may choose somebody else.
static void on_memory(struct session *session)
{
    uint64_t times;
    if (read(session->fds[SOURCE_MEMORY], &times, sizeof(times)) < 0 || memory_cause(session) != STOP_MEMORY)
        return;
    close(steal_fd(&session->fds[SOURCE_MEMORY]));
    end(session, STOP_MEMORY);
}

static int open_timer(uint64_t ns, int *ret_fd)
{
    if (ns == 0)
        return 0;
    struct itimerspec deadline = {
        .it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)}};
    *ret_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return *ret_fd < 0 || timerfd_settime(*ret_fd, 0, &deadline, NULL) < 0 ? -errno : 0;
}

static int make_group(struct session *session, struct cgroup_entry *ret_entry)
{
    struct sandbox_limits limits = session->options->command.limits;
    char name[CGROUP_NAME_MAX];
    limits.pids++; // pid 1 is ours
    snprintf(name, sizeof(name), CGROUP_COMMAND_PREFIX "%d", (int)getpid());
    int error = cgroup_make(session->cgroups, name, &limits, &session->cgroup);
    if (!error)
        error = cgroup_end_with_memory(session->cgroups, &session->cgroup, &session->fds[SOURCE_MEMORY]);
    return error ? error : cgroup_open_entry(session->cgroups, &session->cgroup, ret_entry);
}

static int start(struct session *session, const struct plan *plan, const struct launch_mounts *mounts)
{
    struct launch launch = {.plan = plan, .standard = {0, 1, 2}, .borrow = true, .mounts = *mounts};
    const char *const *words = plan->command;
    while (words[1])
        words++;
    // The kernel keeps them in one piece, from the program's name on.
    launch.own_line = program_invocation_name;
    launch.own_line_length = (size_t)(*words + strlen(*words) - program_invocation_name);
    terminal_ends(&session->terminal, launch.standard);
    output_ends(&session->output, launch.standard);
    // A process is born in its group of cgroup2; those of v1 it joins by itself, and they are made meanwhile.
    launch.cgroup_follows = session->cgroups->backend == CGROUP_HYBRID;
    int error = launch.cgroup_follows ? 0 : make_group(session, &launch.cgroup);
    struct launched launched;
    if (!error)
        error = launch_start(&launch, &launched);
    output_close_ends(&session->output);
    if (!error) {
        session->builder = launched.builder;
        session->fds[SOURCE_SETUP] = launched.setup;
    }
    if (!error && launch.cgroup_follows)
        error = make_group(session, &launch.cgroup);
    if (!error && launch.cgroup_follows)
        error = launch_join(session->fds[SOURCE_SETUP], &launch.cgroup);
    if (error == -EPIPE)
        error = 0; // it has failed already: what it said before tells why
    cgroup_entry_finish(&launch.cgroup);
    cgroup_sweep_commands(session->cgroups); // while it builds its root
    return error;
}

static void handle(struct session *session, const struct pollfd *ready)
{
    // What pid 1 told stands in the socket before its end shows.
    if (ready[SOURCE_SETUP].revents)
        on_setup(session);
    else if (ready[SOURCE_INIT].revents)
        on_init_ended(session);
    if (ready[SOURCE_SIGNALS].revents)
        on_signal(session);
    if (ready[SOURCE_TIMER].revents) {
        close(steal_fd(&session->fds[SOURCE_TIMER]));
        end(session, STOP_TIME);
    }
    if (ready[SOURCE_MEMORY].revents)
        on_memory(session);
    if (output_move(&session->output, ready + SOURCE_COUNT))
        end(session, STOP_OUTPUT);
}

// Until pid 1 is reaped, or there never was one and the builder is gone.
static int wait_for_end(struct session *session)
{
    while (!session->ended && (session->fds[SOURCE_SETUP] >= 0 || session->fds[SOURCE_INIT] >= 0)) {
        struct pollfd ready[SOURCE_COUNT + OUTPUT_POLLS] = {0};
        for (unsigned i = 0; i < SOURCE_COUNT; i++)
            ready[i] = (struct pollfd){.fd = session->fds[i], .events = POLLIN};
        output_poll(&session->output, ready + SOURCE_COUNT);
        if (poll(ready, SOURCE_COUNT + OUTPUT_POLLS, -1) < 0 && errno != EINTR)
            return -errno;
        handle(session, ready);
    }
    // What is left to write may have a reader who does not read: then who asks for an end gets it.
    signals_narrow(session->fds[SOURCE_SIGNALS]);
    if (output_drain(&session->output, session->fds[SOURCE_SIGNALS]) && session->outcome->cause != STOP_NONE)
        session->outcome->cause = STOP_OUTPUT;
    return 0;
}

static void settle(struct session *session)
{
    struct outcome *outcome = session->outcome;
    uint64_t peak = UINT64_MAX;
    if (session->cgroup.name[0]) {
        struct sandbox_usage usage;
        cgroup_usage(session->cgroups, &session->cgroup, &usage);
        peak = usage.peak_memory_bytes;
        outcome->processes = usage.processes;
        outcome->refused_processes = usage.refused_processes;
        // The parent of a command is told only of those that were waited for: not of what was killed with pid 1.
        outcome->written_bytes = cgroup_most_written(outcome->written_bytes, usage.written_bytes);
        if (usage.cpu_us != UINT64_MAX)
            outcome->cpu_us = usage.cpu_us;
    }
    outcome->peak_memory_bytes = peak != UINT64_MAX ? peak : outcome->peak_memory_bytes;
    bool open =
        outcome->cause == STOP_NONE || outcome->cause == STOP_EXITED || outcome->cause == STOP_SIGNALLED;
    bool failed = WIFSIGNALED(outcome->status) || WEXITSTATUS(outcome->status) != 0;
    bool refused = outcome->refused_processes != UINT64_MAX && outcome->refused_processes > 0;
    if (open && cgroup_oom_kills(session->cgroups, &session->cgroup) > 0) {
        // Its first process was quicker to end than we to end the rest: the same for every command, however the two race.
        outcome->cause = memory_cause(session);
        outcome->status = SIGKILL;
    } else if (open && failed && refused) {
        outcome->cause = STOP_PROCESSES;
    } else if (outcome->cause == STOP_SIGNALLED && session->asked) {
        outcome->cause = STOP_USER;
    } else if (outcome->cause == STOP_NONE) {
        outcome->cause = STOP_SIGNALLED; // pid 1 was killed from outside
    }
}

int session_run(const struct options *options, const struct plan *plan, const struct cgroup_root *cgroups,
                const struct launch_mounts *mounts, struct run_network *network, struct outcome *ret_outcome)
{
    struct outcome outcome = {.status = SIGKILL,
                              .operation = "",
                              .processes = UINT64_MAX,
                              .refused_processes = UINT64_MAX,
                              .written_bytes = UINT64_MAX};
    CLEANUP(session_finish)
    struct session session = {.options = options,
                              .cgroups = cgroups,
                              .fds = {-1, -1, -1, -1, -1},
                              .builder = -1,
                              .terminal = TERMINAL_NONE,
                              .command = -1,
                              .network = network,
                              .outcome = &outcome};
    uint64_t began = now_us();
    int error = output_init(&session.output, options->output_bytes);
    if (!error)
        error = terminal_init(&session.terminal);
    if (!error)
        error = signals_open(&session.fds[SOURCE_SIGNALS]);
    if (!error)
        error = open_timer(options->time_ns, &session.fds[SOURCE_TIMER]);
    if (!error)
        error = start(&session, plan, mounts);
    if (!error)
        error = wait_for_end(&session);
    terminal_restore(&session.terminal);
    if (error)
        return error;
    settle(&session);
    outcome.wall_us = now_us() - began;
    outcome.output_bytes = session.output.limited ? session.output.written : UINT64_MAX;
    *ret_outcome = outcome;
    return 0;
}
