#pragma once
// The supervisor's end of the sd_notify protocol: one datagram socket per program, writable by that program's
// user alone.

#include <sys/types.h>

// What a program says; a set.
enum { NOTIFY_READY = 1, NOTIFY_ALIVE = 2 };

// Binds the socket at `path` and gives it to uid. Non-blocking, close-on-exec.
int notify_socket_open(const char *path, uid_t uid, int *ret_fd);
// Reads what has arrived, and gives what process `pid` itself has said (SCM_CREDENTIALS): READY=1, WATCHDOG=1.
unsigned notify_socket_drain(int fd, pid_t pid);
