#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "supervisor/announce.h"
#include "supervisor/message.h"
#include "supervisor/notify_socket.h"
#include "supervisor/orphans.h"
#include "supervisor/slot.h"

enum { EVENTS_PER_TURN = 8, ORPHAN_SECONDS = 5 };

struct supervisor {
    struct plan *plan;
    struct sweeper *sweeper;
    struct slot slots[PLAN_ROWS_MAX];
    unsigned next; // the first row that was never done or ready
    bool stopping;
    int64_t orphan_deadline;
    int status;
    int epoll_fd, signal_fd, timer_fd;
};

// epoll data: slots count from 0.
enum { EVENT_SIGNAL = 1000, EVENT_TIMER };

static void begin_stop(struct supervisor *s, int status)
{
    if (!s->stopping)
        s->status = status;
    s->stopping = true;
}

static void start_slot(struct supervisor *s, struct slot *slot)
{
    const struct program *program = &slot->row->program;
    const char *step;
    int result = program_start(program, slot->notify_fd >= 0 ? slot->notify_path : NULL, &slot->pid, &step);

    slot->started = slot_now_ms();
    if (result < 0 && !slot->was_ready) {
        say("%s can't start: %s: %s (%s)", program->name, step, strerror(-result), program->arguments[0]);
        slot->state = SLOT_IDLE;
        begin_stop(s, 1);
        return;
    }
    if (result < 0) {
        int64_t wait = backoff_next(&slot->backoff, 0);
        say("%s can't start: %s: %s; next try in %.1f s", program->name, step, strerror(-result),
            (double)wait / 1000);
        slot->state = SLOT_PAUSED;
        slot->deadline = slot->started + wait;
        return;
    }
    if (sweeper_watch(s->sweeper, slot->pid) < 0)
        say("the sweeper doesn't answer: killing the supervisor would leave programs to their death signals");
    slot->state = SLOT_STARTING;
    slot->deadline = slot->started + program->ready_seconds * INT64_C(1000);
}

// Starts the next row once the one before it is done or ready.
static void advance(struct supervisor *s)
{
    s->next++;
    if (s->stopping)
        return;
    if (s->next < s->plan->count)
        start_slot(s, &s->slots[s->next]);
    else
        announce_ready(s->plan);
}

static void on_ready(struct supervisor *s, struct slot *slot)
{
    slot->state = SLOT_READY;
    slot_alive(slot);
    slot->was_ready = true;
    if (slot == &s->slots[s->next])
        advance(s);
    else
        say("%s is ready again", slot->row->program.name);
}

static void on_task_end(struct supervisor *s, struct slot *slot, int status)
{
    const struct program *program = &slot->row->program;
    char end[96];

    if (!WIFEXITED(status) ||
        (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != program->tolerated_status)) {
        slot_describe_end(status, end, sizeof(end));
        say("%s %s: see the lines above%s", program->name, end,
            program->log_path[0] != '\0' ? ", or log/ in the state directory" : "");
        begin_stop(s, 1);
        return;
    }
    int result = plan_task_done(s->plan, slot->row, WEXITSTATUS(status));
    if (result < 0) {
        say("can't record that %s is done (%s)", program->name, strerror(-result));
        begin_stop(s, 1);
        return;
    }
    if (s->stopping)
        announce_admin(s->plan);
    advance(s);
}

static void on_service_end(struct supervisor *s, struct slot *slot, int status)
{
    const char *name = slot->row->program.name;
    char end[96];

    slot_describe_end(status, end, sizeof(end));
    if (!slot->was_ready) {
        say("%s %s before it was ready: see the lines above%s", name, end,
            slot->row->program.log_path[0] != '\0' ? ", or log/ in the state directory" : "");
        begin_stop(s, 1);
        return;
    }
    int64_t wait = backoff_next(&slot->backoff, slot_now_ms() - slot->started);
    say("%s %s; starting it again in %.1f s", name, end, (double)wait / 1000);
    if (wait == 0) {
        start_slot(s, slot);
        return;
    }
    slot->state = SLOT_PAUSED;
    slot->deadline = slot_now_ms() + wait;
}

static void on_end(struct supervisor *s, struct slot *slot, int status)
{
    slot->pid = 0;
    slot->deadline = 0;
    slot->state = SLOT_IDLE;
    if (slot->row->step == PLAN_CLEAR_SANDBOXES && s->plan->cgroup) {
        int result = cgroup_clear(s->plan->cgroup);
        if (result < 0)
            say("can't clear the control groups %s (%s)", s->plan->cgroup->name, strerror(-result));
    }
    if (s->stopping && slot->row->step != PLAN_REMEMBER_ADMIN)
        return;
    if (slot->row->program.kind == PROGRAM_TASK)
        on_task_end(s, slot, status);
    else
        on_service_end(s, slot, status);
}

// Without it a killed supervisor would leave control groups and run/ to the next start.
static void on_sweeper_end(struct supervisor *s)
{
    int result = sweeper_renew(s->sweeper);

    for (unsigned i = 0; i < s->plan->count && result == 0; i++) {
        if (s->slots[i].pid > 0)
            result = sweeper_watch(s->sweeper, s->slots[i].pid);
    }
    if (result < 0)
        say("the sweeper has ended, and there can't be another (%s)", strerror(-result));
    else
        say("the sweeper has ended; there is another");
}

// The supervisor is a subreaper, so orphans of its programs are collected here too.
static void reap(struct supervisor *s)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->sweeper->pid)
            on_sweeper_end(s);
        for (unsigned i = 0; i < s->plan->count; i++) {
            if (s->slots[i].pid == pid) {
                on_end(s, &s->slots[i], status);
                break;
            }
        }
    }
}

static void on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (!s->stopping)
            say("stopping (%s)", strsignal((int)info.ssi_signo));
        begin_stop(s, 0);
    }
    reap(s);
}

// Asks the last started program that still runs to end. True when none of them, and no orphan of theirs, is
// left.
static bool stop_next(struct supervisor *s)
{
    for (unsigned i = s->plan->count; i-- > 0;) {
        if (s->slots[i].pid > 0) {
            slot_stop(&s->slots[i]);
            return false;
        }
    }
    int orphans = orphans_kill(s->sweeper->pid);
    if (orphans == 0)
        return true;
    if (s->orphan_deadline == 0)
        s->orphan_deadline = slot_now_ms() + ORPHAN_SECONDS * INT64_C(1000);
    if (slot_now_ms() < s->orphan_deadline)
        return false;
    say("processes left by the programs don't end, not even killed");
    s->status = 1;
    return true;
}

static void hear(struct supervisor *s, struct slot *slot)
{
    unsigned words = notify_socket_drain(slot->notify_fd, slot->pid);

    if ((words & NOTIFY_READY) && slot->state == SLOT_STARTING)
        on_ready(s, slot);
    else if ((words & NOTIFY_ALIVE) && slot->state == SLOT_READY)
        slot_alive(slot);
}

static void on_deadline(struct supervisor *s, struct slot *slot)
{
    slot->deadline = 0;
    if (slot->state == SLOT_READY) {
        hear(s, slot); // what came while this program itself was held up
        if (slot->deadline != 0)
            return;
    }
    if (slot->state == SLOT_PAUSED) {
        start_slot(s, slot);
        return;
    }
    if (slot->state == SLOT_READY)
        say("%s has hung for %d s: killed", slot->row->program.name, slot->row->program.watchdog_seconds);
    else if (slot->state == SLOT_STARTING)
        say("%s isn't %s after %d s: killed", slot->row->program.name,
            slot->row->program.kind == PROGRAM_TASK ? "done" : "ready", slot->row->program.ready_seconds);
    else
        say("%s didn't end within %d s: killed", slot->row->program.name, slot->row->program.stop_seconds);
    kill(slot->pid, SIGKILL);
    slot->state = SLOT_KILLED;
}

static void run_deadlines(struct supervisor *s)
{
    int64_t now = slot_now_ms();

    for (unsigned i = 0; i < s->plan->count; i++) {
        struct slot *slot = &s->slots[i];
        if (s->stopping && slot->state == SLOT_PAUSED)
            slot->state = SLOT_IDLE, slot->deadline = 0;
        if (slot->deadline != 0 && slot->deadline <= now)
            on_deadline(s, slot);
    }
}

static int arm_timer(struct supervisor *s)
{
    int64_t first = s->orphan_deadline;
    struct itimerspec timer = {0};

    for (unsigned i = 0; i < s->plan->count; i++) {
        int64_t deadline = s->slots[i].deadline;
        if (deadline != 0 && (first == 0 || deadline < first))
            first = deadline;
    }
    timer.it_value.tv_sec = first / 1000;
    timer.it_value.tv_nsec = first % 1000 * 1000000;
    return timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL) < 0 ? -errno : 0;
}

static void dispatch(struct supervisor *s, uint64_t what)
{
    uint64_t expirations;

    if (what == EVENT_SIGNAL) {
        on_signal(s);
    } else if (what == EVENT_TIMER) {
        if (read(s->timer_fd, &expirations, sizeof(expirations)) > 0)
            run_deadlines(s);
    } else {
        hear(s, &s->slots[what]);
    }
}

static int loop(struct supervisor *s)
{
    struct epoll_event events[EVENTS_PER_TURN];

    start_slot(s, &s->slots[0]);
    for (;;) {
        run_deadlines(s);
        if (s->stopping && stop_next(s))
            return 0;
        int result = arm_timer(s);
        if (result < 0)
            return result;
        int count = epoll_wait(s->epoll_fd, events, EVENTS_PER_TURN, -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < count; i++)
            dispatch(s, events[i].data.u64);
    }
}

static int watch_fd(struct supervisor *s, int fd, uint64_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};

    return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_slot(struct supervisor *s, unsigned index)
{
    struct slot *slot = &s->slots[index];
    const struct program *program = &s->plan->rows[index].program;

    slot->row = &s->plan->rows[index];
    slot->notify_fd = -1;
    if (program->kind != PROGRAM_SERVICE)
        return 0;
    snprintf(slot->notify_path, sizeof(slot->notify_path), "%s/run/notify/%s", s->plan->settings->state_dir,
             program->name);
    int result = notify_socket_open(slot->notify_path, program->identity.uid, &slot->notify_fd);
    return result < 0 ? result : watch_fd(s, slot->notify_fd, index);
}

static int open_loop(struct supervisor *s)
{
    sigset_t signals;
    int result;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s->epoll_fd < 0 || s->signal_fd < 0 || s->timer_fd < 0)
        return -errno;
    result = watch_fd(s, s->signal_fd, EVENT_SIGNAL);
    if (result == 0)
        result = watch_fd(s, s->timer_fd, EVENT_TIMER);
    for (unsigned i = 0; i < s->plan->count && result == 0; i++)
        result = open_slot(s, i);
    return result;
}

int supervisor_run(struct plan *plan, struct sweeper *sweeper)
{
    struct supervisor s = {.plan = plan, .sweeper = sweeper, .epoll_fd = -1, .signal_fd = -1, .timer_fd = -1};
    int result;

    for (unsigned i = 0; i < PLAN_ROWS_MAX; i++)
        s.slots[i].notify_fd = -1;
    result = open_loop(&s);
    if (result == 0)
        result = loop(&s);
    for (unsigned i = 0; i < plan->count; i++)
        cleanup_fd(&s.slots[i].notify_fd);
    cleanup_fd(&s.epoll_fd);
    cleanup_fd(&s.signal_fd);
    cleanup_fd(&s.timer_fd);
    return result < 0 ? result : s.status;
}
