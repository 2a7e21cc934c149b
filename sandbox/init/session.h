#pragma once
// The programs of the desktop session: window manager, sandbox-display, panel, and what the user has started by himself at
// sign-in.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SESSION_PROGRAMS 3
#define SESSION_DESKTOP_DIR "/sandbox/desktop"

struct session_program {
    pid_t pid;          // 0: not running
    unsigned starts;    // within the window
    uint64_t window_ms; // when it began
};

struct session {
    struct session_program programs[SESSION_PROGRAMS];
    char size[16];  // of the display as the desktop begins: WIDTHxHEIGHT
    int ready_fd;   // becomes readable when the window manager is up
    int manager_fd; // keeps what the window manager says until sandbox-display reads it
};

// Starts sandbox-display, which brings the display to the size it begins with, and the window manager. 0 or -errno.
int session_start(struct session *session, uint32_t width, uint32_t height);
// Takes what made ready_fd readable.
void session_take_ready(struct session *session);
// True when files in the home change what the window manager has read at its start.
bool session_owner_configures(const char *home);
// It ends, and is started again when its end is told.
void session_restart_window_manager(const struct session *session);
// The window manager is up: background, panel, the user's own start script.
int session_continue(struct session *session);
// A child ended: starts it again if it belongs to the session, unless it ends again and again. True: that was the window manager, without which
// nobody can use the desktop.
bool session_child_ended(struct session *session, pid_t pid);
