#include "lib/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_address(const char *name, struct sockaddr_un *address, socklen_t *length)
{
    size_t size = strlen(name);

    if (name[0] != '/' && name[0] != '@') {
        return -EAFNOSUPPORT;
    }
    if (size >= sizeof(address->sun_path)) {
        return -ENAMETOOLONG;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, size);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    if (name[0] == '@') {
        address->sun_path[0] = '\0'; /* abstract: the length, not a terminator, ends the name */
    } else {
        *length += 1;
    }
    return 0;
}

static int notify(const char *message, int flags)
{
    struct sockaddr_un address;
    socklen_t length;
    const char *name = getenv("NOTIFY_SOCKET");
    int error = 0;

    if (name == NULL || name[0] == '\0') {
        return 0;
    }
    int result = notify_address(name, &address, &length);
    if (result < 0) {
        return result;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (sendto(fd, message, strlen(message), MSG_NOSIGNAL | flags, (struct sockaddr *)&address, length) < 0) {
        error = errno;
    }
    close(fd);
    return error != 0 ? -error : 1;
}

int notify_ready(void)
{
    return notify("READY=1", 0);
}

int notify_stopping(void)
{
    return notify("STOPPING=1", 0);
}

int notify_alive(void)
{
    // Who does not listen must not hang the loop that says so.
    return notify("WATCHDOG=1", MSG_DONTWAIT);
}

uint64_t notify_watchdog_us(void)
{
    const char *limit = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    char *end;

    if (limit == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    errno = 0;
    unsigned long long value = strtoull(limit, &end, 10);
    if (errno != 0 || *end != '\0') {
        return 0;
    }
    return value / 2;
}
