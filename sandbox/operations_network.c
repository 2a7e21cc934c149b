// The sandbox's network: lo, and on it the way out that sandbox-egress serves.

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/egress_channel.h"
#include "sandbox/operations.h"

int operation_loopback(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

// A socket stays in the network namespace that it was made in, whoever holds it.
int operation_listener(struct run *run, const struct operation *operation)
{
    (void)operation;
    AUTO_FD int fd = -1;
    int error = egress_listener_open(&fd);
    if (error)
        return error;
    struct setup_message message = {.kind = SETUP_LISTENER};
    return ipc_send(run->setup, &message, sizeof(message), &fd, 1);
}

int operation_admission(struct run *run, const struct operation *operation)
{
    (void)operation;
    struct setup_message message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(run->setup, &message, sizeof(message), &packet);
    if (error)
        return error;
    return packet.length == sizeof(message) && message.kind == SETUP_ADMITTED ? 0 : -EPROTO;
}
