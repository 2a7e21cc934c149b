// sandbox-init: pid 1 of a sandbox. Starts the desktop, reaps what ends, and ends with its channel
// (sandbox/DESIGN.md).

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/init_channel.h"
#include "lib/reap.h"
#include "lib/sandboxd_channel.h"
#include "sandbox/init/display.h"
#include "sandbox/init/home.h"
#include "sandbox/init/session.h"
#include "sandbox/init/sound.h"

#define HOME "/home/user"

enum desktop_stage {
    DESKTOP_STARTING, // of an owner
    DESKTOP_PARKING,  // of nobody yet: the home is not there
    DESKTOP_PARKED,
    DESKTOP_BINDING, // the home is there; the window manager reads its owner's configuration
    DESKTOP_UP,
};

struct desktop_state {
    pid_t display;   // 0: none
    int framebuffer; // until the window manager is up
    enum desktop_stage stage;
    struct session session;
    struct sound sound;
};

static int tell(uint32_t kind, int fd)
{
    struct init_message message = {.kind = kind};
    return init_message_send(INIT_CHANNEL_FD, &message, INIT_SIDE_INIT, fd);
}

__attribute__((noreturn)) static void fail(enum start_stage stage, int error)
{
    struct init_message message = {.kind = INIT_FAILED, .failed = {.stage = stage, .error = -error}};
    init_message_send(INIT_CHANNEL_FD, &message, INIT_SIDE_INIT, -1);
    _exit(EXIT_FAILURE); // the kernel ends every other process of the sandbox
}

__attribute__((noreturn)) static void display_ended(int status)
{
    struct init_message message = {.kind = INIT_DISPLAY_ENDED, .display_ended = {.status = status}};
    init_message_send(INIT_CHANNEL_FD, &message, INIT_SIDE_INIT, -1);
    reap_everything(INIT_CHANNEL_FD);
    _exit(EXIT_SUCCESS);
}

static int announce_display(void)
{
    AUTO_FD int path = -1;
    int error = display_open_path(&path);
    return error ? error : tell(INIT_DISPLAY_LISTENING, path);
}

static void start_desktop(struct desktop_state *state, const struct init_start_desktop *start)
{
    AUTO_FD int listener = -1;
    int error = display_prepare(start, &listener);
    if (!error)
        error = announce_display();
    if (error)
        fail(START_DISPLAY, error);
    state->display = display_start(start, listener, state->framebuffer);
    if (state->display < 0)
        fail(START_DISPLAY, state->display);
    sound_init(&state->sound);
    state->stage = start->parked ? DESKTOP_PARKING : DESKTOP_STARTING;
    if (!start->parked)
        home_seed(SESSION_DESKTOP_DIR "/home", HOME);
    error = session_start(&state->session, start->width,
                          start->height); // connects now, is served when the X server is up
    if (error)
        fail(START_WINDOW_MANAGER, error);
}

static void reap(struct desktop_state *state)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == state->display || session_child_ended(&state->session, pid))
            display_ended(status);
        sound_child_ended(&state->sound, pid, status);
    }
}

static void desktop_up(struct desktop_state *state, enum init_kind message)
{
    int error = session_continue(&state->session);
    if (!error)
        error = tell(message, -1);
    if (error)
        fail(START_WINDOW_MANAGER, error);
    state->stage = DESKTOP_UP;
}

static void window_manager_ready(struct desktop_state *state)
{
    session_take_ready(&state->session);
    if (state->framebuffer >= 0) {
        display_empty(state->framebuffer);
        close(state->framebuffer);
        state->framebuffer = -1;
    }
    switch (state->stage) {
    case DESKTOP_PARKING:
        state->stage = DESKTOP_PARKED;
        if (tell(INIT_DESKTOP_READY, -1) < 0)
            fail(START_WINDOW_MANAGER, -EIO);
        return;
    case DESKTOP_STARTING:
        desktop_up(state, INIT_DESKTOP_READY);
        return;
    case DESKTOP_BINDING:
        desktop_up(state, INIT_BOUND);
        return;
    case DESKTOP_PARKED: // it was started again
    case DESKTOP_UP:
        return;
    }
}

static void bind_owner(struct desktop_state *state)
{
    home_seed(SESSION_DESKTOP_DIR "/home", HOME);
    if (session_owner_configures(HOME)) {
        state->stage = DESKTOP_BINDING;
        session_restart_window_manager(&state->session);
    } else {
        desktop_up(state, INIT_BOUND);
    }
}

// False: the sandbox is over, as is told by the channel's end or by what has no place here.
static bool heed_sandboxd(struct desktop_state *state)
{
    struct init_message buffer, message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(INIT_CHANNEL_FD, &buffer, sizeof(buffer), &packet);
    if (!error)
        error = init_message_decode(&buffer, packet.length, packet.fd_count, INIT_SIDE_SANDBOXD, &message);
    if (error)
        return false;
    if (message.kind == INIT_SOUND) {
        sound_add(&state->sound, steal_fd(&packet.fds[0]));
        return true;
    }
    if (message.kind != INIT_BIND || state->stage != DESKTOP_PARKED)
        return false;
    bind_owner(state);
    return true;
}

static int receive_start(struct init_start_desktop *ret_start, int *ret_framebuffer)
{
    struct init_message buffer, message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(INIT_CHANNEL_FD, &buffer, sizeof(buffer), &packet);
    if (!error)
        error = init_message_decode(&buffer, packet.length, packet.fd_count, INIT_SIDE_SANDBOXD, &message);
    explicit_bzero(&buffer, sizeof(buffer));
    if (error || message.kind != INIT_START_DESKTOP)
        return error ? error : -EPROTO;
    *ret_start = message.start_desktop;
    *ret_framebuffer = steal_fd(&packet.fds[0]);
    return 0;
}

static int open_signals(void)
{
    sigset_t set;
    sigfillset(&set);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static void serve(struct desktop_state *state, int signals)
{
    for (;;) {
        struct pollfd fds[3 + SOUND_POLLS] = {{.fd = INIT_CHANNEL_FD, .events = POLLIN},
                                              {.fd = signals, .events = POLLIN},
                                              {.fd = state->session.ready_fd, .events = POLLIN}};
        int timeout = sound_prepare(&state->sound, fds + 3);
        int count = poll(fds, sizeof(fds) / sizeof(fds[0]), timeout);
        if (count < 0 && errno != EINTR)
            return;
        if (count <= 0)
            continue;
        sound_heed(&state->sound, fds + 3);
        if (fds[0].revents && !heed_sandboxd(state))
            return;
        if (fds[1].revents) {
            struct signalfd_siginfo info;
            while (read(signals, &info, sizeof(info)) > 0)
                ;
            reap(state);
        }
        if (fds[2].revents & POLLIN)
            window_manager_ready(state);
    }
}

int main(void)
{
    // The user's programs have the same uid: none of them may trace pid 1 or read its memory.
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || getpid() != 1) {
        fprintf(stderr, "sandbox-init: only sandboxd starts this program\n");
        return EXIT_FAILURE;
    }
    struct desktop_state state = {.framebuffer = -1, .session = {.ready_fd = -1, .manager_fd = -1}};
    struct init_start_desktop start;
    AUTO_FD int signals = open_signals();
    if (signals < 0 || receive_start(&start, &state.framebuffer) < 0)
        _exit(EXIT_FAILURE);
    start_desktop(&state, &start);
    explicit_bzero(&start, sizeof(start));
    serve(&state, signals);
    reap_everything(INIT_CHANNEL_FD);
    _exit(EXIT_SUCCESS);
}
