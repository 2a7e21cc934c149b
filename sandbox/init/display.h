#pragma once
// The X server of the sandbox: its socket, cookie and command line.

#include <stdint.h>
#include <sys/types.h>

#include "lib/init_channel.h"

#define DISPLAY_DIR "/run/sandbox"
#define DISPLAY_COOKIE DISPLAY_DIR "/xauthority"
#define DISPLAY_SOCKET "/tmp/.X11-unix/X1"

// Makes the directories, the cookie file and the listening socket; ret_listener is the caller's.
int display_prepare(const struct init_start_desktop *start, int *ret_listener);
// An O_PATH descriptor of the listening socket's file, by which sandboxd connects from outside.
int display_open_path(int *ret_fd);
// The pid, or -errno.
pid_t display_start(const struct init_start_desktop *start, int listener, int framebuffer);
// Gives the memory of the framebuffer back, which the X server has written all of at its start. Pixels are black then: nothing may be painted yet.
void display_empty(int framebuffer);
