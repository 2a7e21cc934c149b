#pragma once
// Packets and descriptors between the programs: SOCK_SEQPACKET unix sockets (unix(7)), one message per
// packet.

#include <stddef.h>
#include <sys/types.h>

#define IPC_FDS_MAX 4

struct ipc_packet {
    size_t length;
    int fds[IPC_FDS_MAX]; // owned by the receiver of the packet; close-on-exec; unused ones are -1
    size_t fd_count;
};

// Sends one packet; the descriptors stay the caller's. 0, -EAGAIN when a non-blocking peer is behind, -EPIPE
// when it is gone (no signal is raised), or another -errno.
int ipc_send(int socket, const void *data, size_t length, const int *fds, size_t fd_count);

// Receives one packet into data. 0 with ret_packet filled (the caller closes its descriptors:
// ipc_packet_finish), -EAGAIN when there is none, -ECONNRESET when the peer is gone, -EMSGSIZE when the
// packet did not fit (it is lost) and -EPROTO when it carried more than IPC_FDS_MAX descriptors (all are
// closed).
int ipc_receive(int socket, void *data, size_t capacity, struct ipc_packet *ret_packet);

// Closes the descriptors that were not taken (set to -1).
void ipc_packet_finish(struct ipc_packet *packet);

// A connected close-on-exec SOCK_SEQPACKET pair; flags may add SOCK_NONBLOCK.
int ipc_pair(int flags, int ret_fds[static 2]);

// A listening SOCK_SEQPACKET path socket, non-blocking and close-on-exec, with exactly the given mode;
// replaces a stale socket file. -ENAMETOOLONG when the path does not fit sockaddr_un (107 bytes).
int ipc_listen(const char *path, mode_t mode, int *ret_fd);
int ipc_connect(const char *path, int *ret_fd);

// Refuses whatever descriptors the other end may send to this socket (the sender gets EPERM). Closing a received descriptor
// can block for as long as its maker likes (SO_LINGER), so who needs none should not be given any. -EOPNOTSUPP before Linux 6.16.
int ipc_refuse_fds(int socket);

// The uid of the process that connected (SO_PEERCRED).
int ipc_peer_uid(int socket, uid_t *ret_uid);

#define AUTO_PACKET CLEANUP(ipc_packet_finish)
