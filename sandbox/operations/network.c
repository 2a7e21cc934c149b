// The sandbox's network: lo, and on it the way out that sandbox-egress serves. To make a namespace takes the kernel about as long as all of
// the root's mounts: a second process does it meanwhile.

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/egress_channel.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"

#define MAKER_STACK (64u * 1024)

int operation_new_network(void)
{
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return -errno;
    int network = ioctl(fd, SIOCGSKNS);
    return network < 0 ? -errno : network;
}

__attribute__((unused)) static int maker(void *data) // unused where memory can't be shared
{
    struct run *run = data;
    run->network = operation_new_network();
    _exit(EXIT_SUCCESS);
}

// It shares memory and descriptors, so that its result needs no message. It shares errno too, which it writes only when it fails, and then
// the start fails.
int operation_network(struct run *run, const struct operation *operation)
{
    (void)operation;
    static _Alignas(16) char stack[MAKER_STACK];
    run->network = -ECHILD;
    if (PROCESS_CAN_SHARE)
        run->network_maker = clone(maker, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, run);
    if (run->network_maker < 0 && errno != EAGAIN)
        return -errno;
    if (run->network_maker <= 0) // a group of one process has no room for it
        run->network = operation_new_network();
    return 0;
}

int operation_loopback(struct run *run, const struct operation *operation)
{
    (void)operation;
    while (run->network_maker > 0 && waitpid(run->network_maker, NULL, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (run->network < 0)
        return run->network;
    AUTO_FD int network = run->network;
    return setns(network, CLONE_NEWNET) < 0 ? -errno : 0;
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
