#include "egress/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lib/cleanup.h"

static int open_socket(const struct address *address, int type)
{
    return socket(address->family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int dial(const struct address *address, uint16_t port, int *ret_fd)
{
    struct sockaddr_storage socket;
    socklen_t length = address_to_socket(address, port, &socket);
    int on = 1;
    AUTO_FD int fd = open_socket(address, SOCK_STREAM);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&socket, length) < 0 && errno != EINPROGRESS)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int dial_result(int fd)
{
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    return -error;
}

// The route to an own address starts at the address itself; connecting a datagram socket sends nothing.
bool dial_is_own(const struct address *address)
{
    struct sockaddr_storage peer, source;
    struct address from;
    socklen_t length = address_to_socket(address, 9, &peer);
    AUTO_FD int fd = open_socket(address, SOCK_DGRAM);
    if (fd < 0 || connect(fd, (struct sockaddr *)&peer, length) < 0)
        return false; // no route: the connection will say so
    length = sizeof(source);
    if (getsockname(fd, (struct sockaddr *)&source, &length) < 0)
        return true;
    return !address_of_socket(&source, &from) || address_equal(&from, address);
}
