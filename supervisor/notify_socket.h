#pragma once
// The supervisor's end of the sd_notify protocol: one datagram socket per program, writable by that program's
// user alone.

#include <stdbool.h>
#include <sys/types.h>

// Binds the socket at `path` and gives it to uid. Non-blocking, close-on-exec.
int notify_socket_open(const char *path, uid_t uid, int *ret_fd);
// Reads what has arrived; true when READY=1 came from process `pid` itself (SCM_CREDENTIALS).
bool notify_socket_drain(int fd, pid_t pid);
