// What a sandbox's descriptors tell.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "sandbox/daemon/client.h"
#include "sandbox/executor/launch.h"
#include "sandbox/helpers/egress.h"
#include "sandbox/life/pool.h"
#include "sandbox/life/sandbox.h"
#include "sandbox/life/template.h"

static void on_channel(struct watch *watch, uint32_t events);

static enum stop_reason killed_or(const struct sandbox *sandbox, int status, enum stop_reason otherwise)
{
    const struct cgroup_root *cgroups = &sandbox->service->cgroups;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!killed || cgroup_oom_kills(cgroups, &sandbox->cgroup) == 0)
        return otherwise;
    return cgroup_met_memory_limit(cgroups, &sandbox->cgroup) ? STOP_MEMORY : STOP_HOST_MEMORY;
}

// The end of a part that the sandbox can't live without.
static void lost(struct sandbox *sandbox, enum start_stage stage, enum stop_reason reason)
{
    if (sandbox->state == SANDBOX_CLAIMING)
        sandbox_claim_lost(sandbox, stop_reason_name(reason));
    else if (sandbox->state == SANDBOX_READY || reason == STOP_MEMORY || reason == STOP_HOST_MEMORY)
        sandbox_stop(sandbox, reason);
    else
        sandbox_fail(sandbox, stage, EIO);
}

static void on_init_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, init);
    int status = 0;
    if (launch_reap_init(watch->fd, &status, &sandbox->written_bytes) == 0)
        return;
    // Pid 1 is reaped only after every other process of its pid namespace is gone: the proof that nothing is
    // left.
    watch_close(watch);
    if (sandbox->asked)
        sandbox_kill(sandbox); // what may be in its groups without being in its pid namespace
    if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
    else if (sandbox->setup.fd < 0) // else the set-up socket tells more
        lost(sandbox, START_DISPLAY, killed_or(sandbox, status, STOP_CRASH));
}

static void on_builder_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, builder);
    int status;
    if (launch_reap(watch->fd, &status) == 0)
        return;
    watch_close(watch);
    if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
}

static void built(struct sandbox *sandbox)
{
    watch_close(&sandbox->setup);
    if (sandbox->state == SANDBOX_ENDING) {
        sandbox_finish(sandbox);
        return;
    }
    sandbox->state = SANDBOX_STARTING;
    if (sandbox->channel.fd >= 0 && watch_change(&sandbox->channel, EPOLLIN) < 0)
        watch_close(&sandbox->channel); // sandbox-init ends with it
    int status = 0;
    if (sandbox->init.fd < 0) // its process was never made, or ended already
        sandbox_fail(sandbox, START_NAMESPACES, EIO);
    else if (launch_reap(sandbox->init.fd, &status) != 0) {
        watch_close(&sandbox->init);
        lost(sandbox, START_DISPLAY, killed_or(sandbox, status, STOP_CRASH));
    }
}

static void parked(struct sandbox *sandbox)
{
    char ms[24];
    sandbox->state = SANDBOX_PARKED;
    watch_close(&sandbox->timer);
    pool_touch(sandbox->service);
    snprintf(ms, sizeof(ms), "%llu", (unsigned long long)(sandbox_now_us() - sandbox->created_us) / 1000);
    log_debug("sandbox parked", {"template", template_of(sandbox->request.template_id)->name}, {"ms", ms});
}

// What executes the command is there, and waits for it.
static void awaits_command(struct sandbox *sandbox)
{
    if (sandbox->state != SANDBOX_BUILDING)
        return;
    sandbox->state = SANDBOX_STARTING;
    if (!sandbox_has_owner(sandbox)) {
        parked(sandbox);
        return;
    }
    sandbox->usable = true;
    sandbox_ready(sandbox);
}

static void command_ended(struct sandbox *sandbox, int status)
{
    bool owned = sandbox->state == SANDBOX_READY;
    if (sandbox->state == SANDBOX_CLAIMING) {
        sandbox_claim_lost(sandbox, stop_reason_name(STOP_CRASH));
        return;
    }
    sandbox->command_status = owned ? status : 0;
    enum stop_reason reason = killed_or(sandbox, status, WIFSIGNALED(status) ? STOP_SIGNALLED : STOP_EXITED);
    sandbox_stop(sandbox, owned && sandbox->commanded ? reason : STOP_CRASH);
}

// Pid 1 of a command's sandbox has closed it: that one is over.
static void waiting_over(struct sandbox *sandbox)
{
    watch_close(&sandbox->setup);
    sandbox_only_freed(sandbox);
    if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
    else if (sandbox->init.fd < 0)
        lost(sandbox, START_NAMESPACES, STOP_CRASH);
}

static void on_setup(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, setup);
    struct setup_message message;
    enum setup_event event;
    int fd = -1;
    int error = launch_receive(watch->fd, &event, &message, &fd);
    if (error == -EAGAIN)
        return;
    if (!error && event == SETUP_EVENT_LISTENER) {
        if (sandbox_has_owner(sandbox))
            egress_take_listener(sandbox, fd);
        else
            sandbox->parked_listener = fd; // the proxy hears of it when it has an owner
        return;
    }
    if (!error && event == SETUP_EVENT_STARTED) {
        error = watch_open(&sandbox->init, sandbox->service->epoll, fd, EPOLLIN, on_init_ended);
        if (!error && sandbox->state == SANDBOX_ENDING)
            sandbox_stop(sandbox, sandbox->reason); // it was stopped before its process was known
        if (!error)
            return;
    }
    if (!error && event == SETUP_EVENT_RUNNING) {
        cleanup_fd(&sandbox->mounts);
        sandbox->mounts = fd;
        awaits_command(sandbox);
        return;
    }
    if (!error && event == SETUP_EVENT_ENDED) {
        command_ended(sandbox, message.status);
        return;
    }
    if (!error && event == SETUP_EVENT_EXECUTED) {
        if (template_of(sandbox->request.template_id)->desktop)
            built(sandbox);
        else
            waiting_over(sandbox);
        return;
    }
    watch_close(watch);
    if (sandbox->state == SANDBOX_CLAIMING) {
        sandbox_claim_lost(sandbox, error ? strerror(-error) : operation_name(message.operation));
    } else if (error) {
        sandbox_fail(sandbox, START_NAMESPACES, -error);
    } else {
        sandbox->failed_operation = operation_name(message.operation);
        sandbox_fail(sandbox, operation_stage(message.operation), message.error);
    }
}

static void start_late(struct sandbox *sandbox)
{
    bool display = sandbox->desktop.display >= 0;
    if (display && !sandbox->usable)
        log_error(
            "nobody said that the window manager is up: can sandbox-openbox.so be loaded into the openbox "
            "of this machine, and does sandbox-display run?");
    sandbox_fail(sandbox, display ? START_WINDOW_MANAGER : START_DISPLAY, ETIMEDOUT);
}

static void on_timer(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, timer);
    watch_close(watch);
    if (sandbox->asked && sandbox->init.fd >= 0)
        sandbox_kill(sandbox);
    else if (sandbox->state == SANDBOX_ENDING)
        sandbox_finish(sandbox);
    else if (sandbox->state == SANDBOX_CLAIMING && !sandbox->usable)
        sandbox_claim_lost(sandbox, "it does not answer");
    else if (sandbox->state != SANDBOX_READY)
        start_late(sandbox);
}

void sandbox_ready(struct sandbox *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_READY};
    uint64_t start_us = sandbox_now_us() - sandbox->created_us;
    char id[ID_TEXT_SIZE], ms[24];
    if (!egress_settled(sandbox))
        return;
    pool_touch(sandbox->service);
    sandbox->state = SANDBOX_READY;
    watch_close(&sandbox->timer);
    message.ready = (struct sandboxd_ready){
        .sandbox = sandbox->request.sandbox, .start_us = (uint32_t)start_us, .parked = sandbox->parked};
    id_format(&sandbox->request.sandbox, id);
    snprintf(ms, sizeof(ms), "%llu", (unsigned long long)start_us / 1000);
    log_info("sandbox ready", {"sandbox", id}, {"ms", ms}, {"start", sandbox->parked ? "parked" : "cold"},
             {"why", sandbox->parked ? "claimed" : sandbox->cold_why});
    client_send(sandbox->service, &message, -1);
}

void sandbox_network_settled(struct sandbox *sandbox)
{
    if ((sandbox->state == SANDBOX_STARTING || sandbox->state == SANDBOX_CLAIMING) && sandbox->usable)
        sandbox_ready(sandbox);
}

// The client's patience began with CREATE.
static uint64_t patience_ns(const struct sandbox *sandbox)
{
    uint64_t spent = (sandbox_now_us() - sandbox->created_us) * 1000;
    uint64_t whole = sandbox->service->settings->start_ns;
    return spent < whole ? whole - spent : 1;
}

static void bound(struct sandbox *sandbox)
{
    sandbox->usable = true;
    sandbox_ready(sandbox);
    if (sandbox->state == SANDBOX_READY)
        return;
    int error = sandbox_set_timer(sandbox, patience_ns(sandbox)); // for its network policy
    if (error)
        sandbox_fail(sandbox, START_DISPLAY, -error);
}

// 0, or -EPROTO when that message has no place here.
static int handle_message(struct sandbox *sandbox, const struct init_message *message,
                          struct ipc_packet *packet)
{
    switch (message->kind) {
    case INIT_DISPLAY_LISTENING:
        if (desktop_take_display(&sandbox->desktop, packet->fds[0]) < 0)
            return -EPROTO;
        packet->fds[0] = -1;
        ipc_refuse_fds(
            sandbox->channel.fd); // it was the only one; where it can't be refused, seccomp forbids SO_LINGER
        return 0;
    case INIT_DESKTOP_READY:
        if (sandbox->state != SANDBOX_STARTING || sandbox->usable || sandbox->desktop.display < 0)
            return -EPROTO;
        if (!sandbox_has_owner(sandbox)) {
            parked(sandbox);
            return 0;
        }
        sandbox->usable = true;
        sandbox_ready(sandbox);
        return 0;
    case INIT_BOUND:
        if (sandbox->state != SANDBOX_CLAIMING || sandbox->claim.fd >= 0 || sandbox->usable)
            return -EPROTO;
        bound(sandbox);
        return 0;
    case INIT_FAILED:
        if (sandbox->state == SANDBOX_READY)
            return -EPROTO;
        if (sandbox->state == SANDBOX_CLAIMING)
            sandbox_claim_lost(sandbox, start_stage_name(message->failed.stage));
        else
            sandbox_fail(sandbox, message->failed.stage, message->failed.error);
        return 0;
    case INIT_DISPLAY_ENDED:
        lost(sandbox, START_DISPLAY, killed_or(sandbox, message->display_ended.status, STOP_DISPLAY));
        return 0;
    default:
        return -EPROTO;
    }
}

// Everything that comes here may have been forged by the user's programs.
static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = CONTAINER_OF(watch, struct sandbox, channel);
    union {
        struct init_message message;
        uint8_t bytes[256];
    } buffer;
    struct init_message message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(watch->fd, &buffer, sizeof(buffer), &packet);
    if (error == -EAGAIN)
        return;
    if (error == -ECONNRESET) {
        watch_close(watch); // its process's end tells the rest
        sandbox_only_freed(sandbox);
        return;
    }
    if (sandbox->asked)
        return; // that end is all that is waited for
    if (!error)
        error = init_message_decode(&buffer, packet.length, packet.fd_count, INIT_SIDE_INIT, &message);
    if (!error)
        error = handle_message(sandbox, &message, &packet);
    if (!error)
        return;
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->request.sandbox, id);
    log_warning("sandbox-init broke its protocol", {"sandbox", id});
    lost(sandbox, START_DISPLAY, STOP_CRASH);
}

int sandbox_set_timer(struct sandbox *sandbox, uint64_t ns)
{
    AUTO_FD int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec deadline = {
        .it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)}};
    if (fd < 0 || timerfd_settime(fd, 0, &deadline, NULL) < 0)
        return -errno;
    watch_close(&sandbox->timer);
    return watch_open(&sandbox->timer, sandbox->service->epoll, steal_fd(&fd), EPOLLIN, on_timer);
}

int sandbox_watch_builder(struct sandbox *sandbox, int pidfd)
{
    return watch_open(&sandbox->builder, sandbox->service->epoll, pidfd, EPOLLIN, on_builder_ended);
}

int sandbox_watch(struct sandbox *sandbox, int setup, int builder, int channel)
{
    int epoll = sandbox->service->epoll;
    int error = watch_open(&sandbox->setup, epoll, setup, EPOLLIN, on_setup);
    int result = builder < 0 ? 0 : sandbox_watch_builder(sandbox, builder);
    error = error ? error : result;
    // What sandbox-init says is heeded when its exec is proven: a desktop may be up before this process has had a turn to read that.
    bool desktop = template_of(sandbox->request.template_id)->desktop;
    result = watch_open(&sandbox->channel, epoll, channel, desktop ? 0 : EPOLLIN, on_channel);
    error = error ? error : result;
    result = set_nonblocking(channel); // a sandbox-init that does not read keeps nobody waiting
    error = error ? error : result;
    return error ? error : sandbox_set_timer(sandbox, patience_ns(sandbox));
}
