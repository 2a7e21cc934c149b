// Socket families and options: each family is a subsystem, loaded on demand.

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

static int make_socket(const struct door *door)
{
    const long *a = door->arguments;
    return socket((int)a[0], (int)a[1] | SOCK_CLOEXEC, (int)a[2]) < 0 ? -errno : 1;
}

// The families that no program here has a use for.
static int other_families(const struct door *door)
{
    (void)door;
    static const int known[] = {AF_UNIX,   AF_INET, AF_INET6,     AF_NETLINK, AF_VSOCK, AF_ALG,
                                AF_PACKET, AF_KEY,  AF_BLUETOOTH, AF_CAN,     AF_TIPC,  AF_RDS,
                                AF_XDP,    AF_SMC,  AF_KCM,       AF_PPPOX};
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
    for (int family = 1; family < 48; family++) {
        bool skipped = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            skipped |= known[i] == family;
        for (size_t i = 0; !skipped && i < sizeof(types) / sizeof(types[0]); i++) {
            if (socket(family, types[i] | SOCK_CLOEXEC, 0) >= 0)
                return 1;
        }
    }
    return -errno;
}

static int classic_filter(const struct door *door)
{
    (void)door;
    struct sock_filter accept = {BPF_RET | BPF_K, 0, 0, 0xffff};
    struct sock_fprog program = {1, &accept};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno
                  : door_reached(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static int upper_layer(const struct door *door)
{
    (void)door;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3); // ENOTCONN: the code behind it was reached
    return result < 0 && errno == ENOENT ? -errno : door_reached(result);
}

#define SOCKET(called, gives, ...)                                                                           \
    {                                                                                                        \
        .group = "sockets", .name = called, .meaning = gives, .attempt = make_socket, .arguments = {         \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define NETLINK(what, number)                                                                                \
    SOCKET("netlink " what, "a configuration interface of the kernel", AF_NETLINK, SOCK_RAW, number)
#define FAMILY "a protocol with a history of holes"

static const struct door doors[] = {
    SOCKET("vsock", "the hypervisor: network namespaces don't hold it", AF_VSOCK, SOCK_STREAM, 0),
    SOCKET("alg", "the kernel's ciphers, CVE-2019-8912", AF_ALG, SOCK_SEQPACKET, 0),
    SOCKET("packet", "raw frames, CVE-2020-14386", AF_PACKET, SOCK_RAW, 0),
    SOCKET("key", "IPsec, CVE-2017-7184", AF_KEY, SOCK_RAW, 2),
    SOCKET("bluetooth", FAMILY, AF_BLUETOOTH, SOCK_RAW, 1),
    SOCKET("can", FAMILY, AF_CAN, SOCK_RAW, 1),
    SOCKET("tipc", "CVE-2021-43267", AF_TIPC, SOCK_SEQPACKET, 0),
    SOCKET("rds", FAMILY, AF_RDS, SOCK_SEQPACKET, 0),
    SOCKET("xdp", FAMILY, AF_XDP, SOCK_RAW, 0),
    SOCKET("smc", FAMILY, AF_SMC, SOCK_STREAM, 0),
    SOCKET("kcm", FAMILY, AF_KCM, SOCK_DGRAM, 0),
    SOCKET("pppox", FAMILY, AF_PPPOX, SOCK_STREAM, 0),
    {"sockets", "other families", "protocols that nothing here uses", other_families, NULL, 0, {0}},
    SOCKET("raw internet", "made-up packets", AF_INET, SOCK_RAW, IPPROTO_ICMP),
    SOCKET("sctp", FAMILY, AF_INET, SOCK_STREAM, IPPROTO_SCTP),
    SOCKET("dccp", "CVE-2017-6074", AF_INET, 6 /* SOCK_DCCP */, IPPROTO_DCCP),
    SOCKET("mptcp", FAMILY, AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */),
    SOCKET("udp-lite", FAMILY, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE),
    NETLINK("sock_diag", NETLINK_SOCK_DIAG),
    NETLINK("xfrm", NETLINK_XFRM),
    NETLINK("audit", NETLINK_AUDIT),
    NETLINK("connector", NETLINK_CONNECTOR),
    NETLINK("netfilter", NETLINK_NETFILTER),
    NETLINK("uevent", NETLINK_KOBJECT_UEVENT),
    NETLINK("generic", NETLINK_GENERIC),
    NETLINK("crypto", NETLINK_CRYPTO),
    NETLINK("usersock", NETLINK_USERSOCK),
    {"sockets",
     "classic bpf on a socket",
     "code for the kernel's interpreter and compiler",
     classic_filter,
     NULL,
     0,
     {0}},
    {"sockets", "tls in the kernel", "CVE-2023-0461", upper_layer, NULL, 0, {0}},
};
const struct door_table doors_sockets = {doors, sizeof(doors) / sizeof(doors[0])};
