// What root of a user namespace of one's own reaches: the way of most kernel escapes of the last ten years.

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_vlan.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

static int yes(void)
{
    return 1;
}

static int user_namespace(const struct door *door)
{
    (void)door;
    return door_nested(0, yes);
}

static int other_namespace(const struct door *door)
{
    return door_nested((int)door->arguments[0], yes);
}

static int mount_tmpfs(void)
{
    return mount("none", "/tmp", "tmpfs", 0, NULL) == 0;
}

static int mount_overlay(void)
{
    return mount("none", "/tmp", "overlay", 0, "lowerdir=/usr:/etc") == 0;
}

// The call of CVE-2022-0185, with a value that fits.
static int configure(void)
{
    long context = syscall(SYS_fsopen, "tmpfs", 0);
    return context >= 0 && syscall(SYS_fsconfig, context, 1 /* FSCONFIG_SET_STRING */, "size", "4k", 0) == 0;
}

static int packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0;
}

static int raw_socket(void)
{
    return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW) >= 0;
}

static int netfilter(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) >= 0;
}

// A wrong request: the answer of the tables' own code is EINVAL or ENOENT, that of the permission check EPERM.
static int packet_tables(void)
{
    char request[96] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = setsockopt(fd, IPPROTO_IP, 64 /* IPT_SO_SET_REPLACE */, request, sizeof(request));
    return result < 0 && errno == ENOPROTOOPT ? 0 : door_reached(result) > 0;
}

// The old interface to links, routes, neighbours, bridges, tunnels and drivers: who has the right gets another answer than EPERM.
static int configure_by_request(void)
{
    static const unsigned long requests[] = {
        SIOCSIFFLAGS,
        SIOCSIFADDR,
        SIOCSIFNETMASK,
        SIOCSIFMTU,
        SIOCSIFNAME,
        SIOCSIFHWADDR,
        SIOCADDMULTI,
        SIOCDIFADDR,
        SIOCADDRT,
        SIOCDELRT,
        SIOCSIFTXQLEN,
        SIOCETHTOOL,
        SIOCGSKNS,
        SIOCSARP,
        SIOCBRADDBR,
        SIOCBONDENSLAVE,
        SIOCSIFVLAN,
        SIOCSHWTSTAMP,
        SIOCDEVPRIVATE,
        SIOCDEVPRIVATE + 1,
        UINT64_C(0xffffffff00000000) | SIOCSIFFLAGS, // the kernel takes the lower half
    };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (size_t i = 0; fd >= 0 && i < sizeof(requests) / sizeof(requests[0]); i++) {
        char argument[256] = "lo"; // a struct ifreq, or of its size
        if (ioctl(fd, requests[i], argument) >= 0 || errno != EPERM)
            return 1;
    }
    return 0;
}

// Asks to take lo down, which needs CAP_NET_ADMIN over the network namespace.
static int configure_by_netlink(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {.header = {.nlmsg_len = sizeof(request),
                            .nlmsg_type = RTM_NEWLINK,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
                 .link = {.ifi_index = 1, .ifi_change = IFF_UP}};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[512];
    } reply = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return fd >= 0 && send(fd, &request, sizeof(request), 0) > 0 && recv(fd, &reply, sizeof(reply), 0) > 0 &&
           reply.header.nlmsg_type == NLMSG_ERROR && reply.error.error == 0;
}

static int configure_network(void)
{
    return configure_by_netlink() || configure_by_request();
}

static int device(void)
{
    return mknod("/tmp/door-device", S_IFBLK | 0600, 7 << 8) == 0;
}

static int release_agent(void)
{
    return mount("none", "/tmp", "cgroup", 0, "rdma") == 0 || mount("none", "/tmp", "cgroup2", 0, NULL) == 0;
}

static int attempt_of(const struct door *door);

static const struct {
    const char *name;
    int namespaces;
    int (*attempt)(void);
} inner[] = {
    {"nested mount", CLONE_NEWNS, mount_tmpfs},
    {"nested fsconfig", CLONE_NEWNS, configure},
    {"nested overlay", CLONE_NEWNS, mount_overlay},
    {"nested cgroup mount", CLONE_NEWNS | CLONE_NEWCGROUP, release_agent},
    {"nested packet socket", CLONE_NEWNET, packet_socket},
    {"nested raw socket", CLONE_NEWNET, raw_socket},
    {"nested netfilter", CLONE_NEWNET, netfilter},
    {"nested packet tables", CLONE_NEWNET, packet_tables},
    {"nested network", CLONE_NEWNET, configure_network},
    {"nested device", 0, device},
};

static int attempt_of(const struct door *door)
{
    for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
        if (strcmp(inner[i].name, door->name) == 0)
            return door_nested(inner[i].namespaces, inner[i].attempt);
    }
    return -ENOENT;
}

#define INNER(called, gives)                                                                                 \
    {                                                                                                        \
        "nested", called, gives, attempt_of, NULL, 0,                                                        \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define NAMESPACE(called, flag)                                                                              \
    {                                                                                                        \
        "nested", called, "more of the kernel for root of a nested user namespace", other_namespace, NULL,   \
            0,                                                                                               \
        {                                                                                                    \
            flag                                                                                             \
        }                                                                                                    \
    }

static const struct door doors[] = {
    {"nested", "nested user namespace", "root over namespaces of its own", user_namespace, NULL, 0, {0}},
    NAMESPACE("nested mount namespace", CLONE_NEWNS),
    NAMESPACE("nested ipc namespace", CLONE_NEWIPC),
    NAMESPACE("nested uts namespace", CLONE_NEWUTS),
    NAMESPACE("nested cgroup namespace", CLONE_NEWCGROUP),
    NAMESPACE("nested pid namespace", CLONE_NEWPID),
    INNER("nested mount", "file systems, made by the attacker"),
    INNER("nested fsconfig", "CVE-2022-0185"),
    INNER("nested overlay", "CVE-2021-3493, CVE-2023-0386"),
    INNER("nested cgroup mount", "release_agent, CVE-2022-0492"),
    INNER("nested packet socket", "CVE-2020-14386"),
    INNER("nested raw socket", "made-up packets in a network without links"),
    INNER("nested netfilter", "CVE-2022-32250, CVE-2024-1086"),
    INNER("nested packet tables", "CVE-2021-22555"),
    INNER("nested network", "links, traffic control: CVE-2023-3609 and many more"),
    INNER("nested device", "the host's disks"),
};
const struct door_table doors_nested = {doors, sizeof(doors) / sizeof(doors[0])};
