#include "lib/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PASSED 3 // SD_LISTEN_FDS_START

static int option(int fd, int name, int *ret_value)
{
    socklen_t length = sizeof(*ret_value);
    return getsockopt(fd, SOL_SOCKET, name, ret_value, &length) < 0 ? -errno : 0;
}

static bool listens(int fd)
{
    int domain, type, accepts;
    return option(fd, SO_DOMAIN, &domain) == 0 && option(fd, SO_TYPE, &type) == 0 &&
           option(fd, SO_ACCEPTCONN, &accepts) == 0 && domain == AF_UNIX && type == SOCK_SEQPACKET && accepts;
}

int activation_take(int *ret_fd)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    bool one = strcmp(count, "1") == 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!one || !listens(FIRST_PASSED) || fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(FIRST_PASSED, F_SETFL, O_NONBLOCK) < 0)
        return -EINVAL;
    *ret_fd = FIRST_PASSED;
    return 1;
}
