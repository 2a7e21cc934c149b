#include "lib/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char ready_message[] = "READY=1";

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

int notify_ready(void)
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
    if (sendto(fd, ready_message, sizeof(ready_message) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
               length) < 0) {
        error = errno;
    }
    close(fd);
    return error != 0 ? -error : 1;
}
