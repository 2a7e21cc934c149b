#include "sandbox/run/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/cleanup.h"

// The terminal of this session, and not somebody else's.
static bool is_own(int fd)
{
    return tcgetpgrp(fd) >= 0;
}

static bool in_foreground(int fd)
{
    return tcgetpgrp(fd) == getpgrp();
}

// A terminal that is open for writing is mostly open for reading too. Where it belongs to another user (su) it can't be opened again, and stays.
static int open_for_writing(int fd)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC | (fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK)));
}

int terminal_init(struct terminal *terminal)
{
    *terminal = (struct terminal)TERMINAL_NONE;
    terminal->shared = is_own(STDIN_FILENO);
    if (terminal->shared && !in_foreground(STDIN_FILENO)) {
        terminal->shared = false;
        terminal->opened[STDIN_FILENO] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (terminal->opened[STDIN_FILENO] < 0)
            return -errno;
    }
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (!terminal->shared && is_own(fd))
            terminal->opened[fd] = open_for_writing(fd);
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && terminal->own < 0; fd++)
        terminal->own = is_own(fd) ? fd : -1;
    // Who writes on a terminal may set it as well. In the background its settings are somebody else's.
    terminal->known = terminal->own >= 0 && in_foreground(terminal->own) &&
                      tcgetattr(terminal->own, &terminal->settings) == 0;
    return 0;
}

void terminal_finish(struct terminal *terminal)
{
    for (unsigned i = 0; i < 3; i++)
        cleanup_fd(&terminal->opened[i]);
}

void terminal_ends(const struct terminal *terminal, int standard[static 3])
{
    for (unsigned i = 0; i < 3; i++) {
        if (terminal->opened[i] >= 0)
            standard[i] = terminal->opened[i];
    }
}

bool terminal_is_free(const struct terminal *terminal)
{
    return !terminal->shared || in_foreground(STDIN_FILENO);
}

void terminal_release(const struct terminal *terminal)
{
    if (terminal->own < 0)
        return;
    struct sigaction before, ignore = {.sa_handler = SIG_IGN}; // else the background would be stopped
    sigaction(SIGTTOU, &ignore, &before);
    tcflow(terminal->own, TCOON);
    sigaction(SIGTTOU, &before, NULL);
}

void terminal_restore(const struct terminal *terminal)
{
    terminal_release(terminal);
    if (terminal->known && in_foreground(terminal->own)) // else it is somebody else's now
        tcsetattr(terminal->own, TCSADRAIN, &terminal->settings);
}
