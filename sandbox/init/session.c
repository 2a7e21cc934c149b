#include "sandbox/init/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/init/display.h"
#include "sandbox/init/process.h"

#define READY_FIFO DISPLAY_DIR "/ready"
#define MANAGER_FIFO                                                                                         \
    DISPLAY_DIR "/manager" // of sandbox-openbox.so; read by sandbox-display, which then sees to READY_FIFO

// The rules by which keys compose characters: 6,000 lines that libX11 reads for whoever opens an input method (7 ms), as the window manager does,
// which needs none. It finds none. What it starts inherits the name of the file, which has the rules by then.
#define COMPOSE_FILE DISPLAY_DIR "/compose"
#define COMPOSE_RULES "include \"%L\"\n" // of the program's locale (Compose(5))
#define COMPOSE_OWN "/home/user/.XCompose"
#define COMPOSE_OWN_RULES "include \"%H/.XCompose\"\n"

// A user's programs go first when memory runs out, the session next, the X server and sandbox-init last.
#define SCORE_SESSION 50
#define SCORE_PROGRAMS 100 // Chromium gives its renderers 200 and more, and may only raise it

enum { WINDOW_MANAGER, DISPLAY, PANEL };

#define STARTS_MAX 5
#define WINDOW_MS 30000u

static const char *const panel[] = {"/bin/sh", SESSION_DESKTOP_DIR "/panel", NULL};
static const char *const background[] = {"/bin/sh", SESSION_DESKTOP_DIR "/background", NULL};
static const char *const autostart[] = {"/bin/sh", "/home/user/.config/openbox/autostart", NULL};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static pid_t start_command(const char *const *arguments, int score)
{
    const struct program program = {.arguments = arguments, .out_of_memory_score = score};
    return process_start(&program);
}

static pid_t start_window_manager(const char *const *arguments)
{
    // What it starts by its menu are the user's programs; they inherit its score.
    static const char *const environment[] = {"XCOMPOSEFILE=" COMPOSE_FILE,
                                              "LD_PRELOAD=/sandbox/sandbox-openbox.so", NULL};
    const struct program program = {
        .arguments = arguments, .environment = environment, .out_of_memory_score = SCORE_PROGRAMS};
    return process_start(&program);
}

static int write_compose_rules(const char *rules)
{
    AUTO_FD int fd =
        open(COMPOSE_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : write_all(fd, rules, strlen(rules));
}

static int start_program(struct session *session, unsigned which)
{
    struct session_program *program = &session->programs[which];
    uint64_t now = now_ms();
    if (now - program->window_ms > WINDOW_MS) {
        program->window_ms = now;
        program->starts = 0;
    }
    program->pid = 0;
    if (program->starts++ >= STARTS_MAX)
        return -EAGAIN;
    const char *const window_manager[] = {"openbox", NULL};
    const char *const display[] = {"/sandbox/sandbox-display", session->size, NULL};
    const char *const *const arguments[] = {
        [WINDOW_MANAGER] = window_manager, [DISPLAY] = display, [PANEL] = panel};
    pid_t pid = which == WINDOW_MANAGER ? start_window_manager(arguments[which])
                                        : start_command(arguments[which], SCORE_SESSION);
    if (pid < 0)
        return pid;
    program->pid = pid;
    return 0;
}

int session_start(struct session *session, uint32_t width, uint32_t height)
{
    *session = (struct session){.ready_fd = -1, .manager_fd = -1};
    snprintf(session->size, sizeof(session->size), "%ux%u", width, height);
    if (mkfifo(READY_FIFO, 0600) < 0 || mkfifo(MANAGER_FIFO, 0600) < 0)
        return -errno;
    // Open for writing as well: otherwise the end of the writer shows as end of file. It stays open: that a window manager was started again is
    // said too.
    session->ready_fd = open(READY_FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    // The window manager may be up before sandbox-display is there to be told so: without a reader it would be told nothing.
    session->manager_fd = open(MANAGER_FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (session->ready_fd < 0 || session->manager_fd < 0)
        return -errno;
    int error = write_compose_rules("");
    if (error)
        return error;
    // The window manager takes longest to load, longer than the X server to start. The other one is done with the display before it has anything on it.
    error = start_program(session, WINDOW_MANAGER);
    return error ? error : start_program(session, DISPLAY);
}

void session_take_ready(struct session *session)
{
    char text[64];
    // Once: the user's programs may write too, without end.
    if (read(session->ready_fd, text, sizeof(text)) < 0)
        return; // then the next poll tells again
}

bool session_owner_configures(const char *home)
{
    static const char *const files[] = {".config/openbox/rc.xml", ".config/openbox/menu.xml",
                                        ".config/fontconfig", ".fonts.conf"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];
        if (snprintf(path, sizeof(path), "%s/%s", home, files[i]) < (int)sizeof(path) &&
            access(path, F_OK) == 0)
            return true;
    }
    return false;
}

void session_restart_window_manager(const struct session *session)
{
    pid_t pid = session->programs[WINDOW_MANAGER].pid;
    if (pid > 0)
        kill(pid, SIGTERM);
}

int session_continue(struct session *session)
{
    int error = write_compose_rules(access(COMPOSE_OWN, R_OK) == 0 ? COMPOSE_OWN_RULES : COMPOSE_RULES);
    if (error)
        return error;
    start_command(background, SCORE_PROGRAMS); // a desktop without its colours is still a desktop
    if (access(autostart[1], R_OK) == 0)
        start_command(autostart, SCORE_PROGRAMS);
    return start_program(session, PANEL);
}

bool session_child_ended(struct session *session, pid_t pid)
{
    bool over = false;
    for (unsigned i = 0; i < SESSION_PROGRAMS; i++) {
        if (session->programs[i].pid == pid)
            over |= start_program(session, i) < 0 && i == WINDOW_MANAGER;
    }
    return over;
}
