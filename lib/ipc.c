#include "lib/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 // Linux 6.16
#endif

union fd_control {
    char buffer[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
    struct cmsghdr align;
};

int ipc_send(int socket, const void *data, size_t length, const int *fds, size_t fd_count)
{
    if (fd_count > IPC_FDS_MAX)
        return -EINVAL;
    union fd_control control = {0};
    struct iovec iov = {.iov_base = (void *)data, .iov_len = length};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd_count > 0) {
        message.msg_control = control.buffer;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *message, struct ipc_packet *packet)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const unsigned char *data = CMSG_DATA(header);
        for (size_t i = 0; i < count && packet->fd_count < IPC_FDS_MAX; i++)
            memcpy(&packet->fds[packet->fd_count++], data + i * sizeof(int), sizeof(int));
    }
}

int ipc_receive(int socket, void *data, size_t capacity, struct ipc_packet *ret_packet)
{
    union fd_control control;
    struct iovec iov = {.iov_base = data, .iov_len = capacity};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buffer,
                             .msg_controllen = sizeof(control.buffer)};
    ssize_t received;
    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EPIPE ? -ECONNRESET : -errno;

    struct ipc_packet packet = {.length = (size_t)received};
    for (size_t i = 0; i < IPC_FDS_MAX; i++)
        packet.fds[i] = -1;
    take_fds(&message, &packet);
    int error = 0;
    if (received == 0)
        error = -ECONNRESET; // no message of ours is empty
    else if (message.msg_flags & MSG_CTRUNC)
        error = -EPROTO;
    else if (message.msg_flags & MSG_TRUNC)
        error = -EMSGSIZE;
    if (error) {
        ipc_packet_finish(&packet);
        return error;
    }
    *ret_packet = packet;
    return 0;
}

void ipc_packet_finish(struct ipc_packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++) {
        cleanup_fd(&packet->fds[i]);
        packet->fds[i] = -1;
    }
    packet->fd_count = 0;
}

int ipc_pair(int flags, int ret_fds[static 2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, ret_fds) < 0 ? -errno : 0;
}

static int unix_address(const char *path, struct sockaddr_un *ret_address)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length + 1);
    *ret_address = address;
    return 0;
}

// For a socket at that path, closed by the caller.
static int path_socket(const char *path, struct sockaddr_un *ret_address, int *ret_fd)
{
    int error = unix_address(path, ret_address);
    int fd = error ? -1 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error ? error : -errno;
    *ret_fd = fd;
    return 0;
}

int ipc_listen(const char *path, mode_t mode, int *ret_fd)
{
    struct sockaddr_un address;
    AUTO_FD int fd = -1;
    int error = path_socket(path, &address, &fd);
    if (error)
        return error;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    mode_t old = umask(0777); // nobody connects before the mode is right
    int bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
    int saved = errno;
    umask(old);
    if (bound < 0)
        return -saved;
    if (chmod(path, mode) < 0 || listen(fd, 8) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int ipc_connect(const char *path, int *ret_fd)
{
    struct sockaddr_un address;
    AUTO_FD int fd = -1;
    int error = path_socket(path, &address, &fd);
    if (error)
        return error;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int ipc_refuse_fds(int socket)
{
    int off = 0;
    if (setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) < 0)
        return errno == ENOPROTOOPT ? -EOPNOTSUPP : -errno;
    return 0;
}

int ipc_peer_uid(int socket, uid_t *ret_uid)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return -errno;
    *ret_uid = credentials.uid;
    return 0;
}
