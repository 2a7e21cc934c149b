#include "supervisor/notify_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/ipc.h"

enum { NOTIFY_MESSAGE_MAX = 4096, NOTIFY_MESSAGES_PER_TURN = 16 };

int notify_socket_open(const char *path, uid_t uid, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int on = 1;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);

    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return -errno;
    int result = ipc_refuse_fds(fd);
    if (result < 0 && result != -EOPNOTSUPP)
        return result;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    // The directory belongs to the supervisor alone, so nobody can have replaced the socket between these
    // calls.
    if (chmod(path, 0600) < 0 || (uid != geteuid() && chown(path, uid, (gid_t)-1) < 0))
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

static unsigned words_of(char *text)
{
    char *rest = text, *line;
    unsigned words = 0;

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strcmp(line, "READY=1") == 0)
            words |= NOTIFY_READY;
        if (strcmp(line, "WATCHDOG=1") == 0)
            words |= NOTIFY_ALIVE;
    }
    return words;
}

static pid_t sender(struct msghdr *message)
{
    struct ucred credentials;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
        return credentials.pid;
    }
    return -1;
}

unsigned notify_socket_drain(int fd, pid_t pid)
{
    unsigned words = 0;

    for (int i = 0; i < NOTIFY_MESSAGES_PER_TURN; i++) {
        char text[NOTIFY_MESSAGE_MAX + 1];
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        struct iovec part = {.iov_base = text, .iov_len = NOTIFY_MESSAGE_MAX};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

        // Before Linux 6.16, descriptors that a sender attaches don't fit beside the credentials; the kernel closes them.
        ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (length < 0)
            break;
        text[length] = '\0';
        if (!(message.msg_flags & MSG_TRUNC) && sender(&message) == pid)
            words |= words_of(text);
    }
    return words;
}
