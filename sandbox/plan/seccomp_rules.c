#include "sandbox/plan/seccomp_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sandbox/plan/seccomp_calls.h"

// The kernel takes these arguments as 32 bits: what stands in the upper half must not make a difference.
#define INT UINT64_C(0xffffffff)
// Chromium's own sandbox makes user, pid and network namespaces; the others open more of the kernel than they shut.
#define OTHER_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC)
// In clone's flags the bit of CLONE_NEWTIME belongs to the signal number.
#define ALL_NAMESPACES (OTHER_NAMESPACES | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define SECCOMP_NEW_LISTENER 8u // SECCOMP_FILTER_FLAG_NEW_LISTENER

#define ALLOW(call) SECCOMP_ALLOW(call),
#define OPTION(number) SECCOMP_ALLOW_IF(prctl, 0, INT, number)
#define LIST(rules)                                                                                          \
    {                                                                                                        \
        rules, sizeof(rules) / sizeof((rules)[0])                                                            \
    }

// Requests are numbered by who answers them. Terminals, pipes, sockets and timers answer these two; each kind of file system, namespaces, pidfds
// and epoll have requests of their own, which name the host's disk, its blocks and objects, or change how they are stored.
#define REQUEST_TYPE UINT64_C(0xff00)
#define REQUESTS(type) SECCOMP_ALLOW_IF(ioctl, 1, REQUEST_TYPE, (type) << 8)
#define REQUEST(number) SECCOMP_ALLOW_IF(ioctl, 1, INT, number)

#define SOCKET_TYPE UINT64_C(0xf) // without SOCK_CLOEXEC and SOCK_NONBLOCK
#define INTERNET(family, type, protocol)                                                                     \
    {                                                                                                        \
        .call = SCMP_SYS(socket), .action = SCMP_ACT_ALLOW, .conditions = {                                  \
            {0, INT, (family)},                                                                              \
            {1, SOCKET_TYPE, (type)},                                                                        \
            {2, INT, (protocol)}                                                                             \
        }                                                                                                    \
    }
// Nothing but TCP and UDP: no raw packets, no ping sockets, no MPTCP, SCTP, UDP-Lite, L2TP.
#define INTERNET_SOCKETS(family)                                                                             \
    INTERNET(family, SOCK_STREAM, 0), INTERNET(family, SOCK_STREAM, IPPROTO_TCP),                            \
        INTERNET(family, SOCK_DGRAM, 0), INTERNET(family, SOCK_DGRAM, IPPROTO_UDP)
// All but RLIMIT_CORE: at 1, its value here, the kernel starts no handler that core_pattern names, which would be a program of the host and
// root; at 0 it would (fs/coredump.c).
#define LIMIT_CALL(call, number, resource) SECCOMP_ALLOW_IF(call, number, INT, resource)
#define LIMIT_CALLS(call, number)                                                                            \
    LIMIT_CALL(call, number, RLIMIT_CPU), LIMIT_CALL(call, number, RLIMIT_FSIZE),                            \
        LIMIT_CALL(call, number, RLIMIT_DATA), LIMIT_CALL(call, number, RLIMIT_STACK),                       \
        LIMIT_CALL(call, number, RLIMIT_RSS), LIMIT_CALL(call, number, RLIMIT_NPROC),                        \
        LIMIT_CALL(call, number, RLIMIT_NOFILE), LIMIT_CALL(call, number, RLIMIT_MEMLOCK),                   \
        LIMIT_CALL(call, number, RLIMIT_AS), LIMIT_CALL(call, number, RLIMIT_LOCKS),                         \
        LIMIT_CALL(call, number, RLIMIT_SIGPENDING), LIMIT_CALL(call, number, RLIMIT_MSGQUEUE),              \
        LIMIT_CALL(call, number, RLIMIT_NICE), LIMIT_CALL(call, number, RLIMIT_RTPRIO),                      \
        LIMIT_CALL(call, number, RLIMIT_RTTIME)

static const struct seccomp_rule common[] = {
    CODE_CALLS(ALLOW) SECCOMP_ALLOW_IF(socket, 0, INT, AF_UNIX),
    INTERNET_SOCKETS(AF_INET),
    INTERNET_SOCKETS(AF_INET6),
    SECCOMP_ALLOW_IF(socketpair, 0, INT, AF_UNIX),
    SECCOMP_ALLOW_IF(personality, 0, INT, 0),
    SECCOMP_ALLOW_IF(personality, 0, INT, INT), // asks only
    LIMIT_CALLS(setrlimit, 0),
    LIMIT_CALLS(prlimit64, 1),
    SECCOMP_ALLOW_IF(prlimit64, 2, UINT64_MAX, 0), // asks only
    OPTION(PR_SET_PDEATHSIG),
    OPTION(PR_GET_PDEATHSIG),
    OPTION(PR_GET_DUMPABLE),
    OPTION(PR_SET_DUMPABLE),
    OPTION(PR_SET_NAME),
    OPTION(PR_GET_NAME),
    OPTION(PR_GET_SECCOMP),
    OPTION(PR_CAPBSET_READ),
    OPTION(PR_GET_SECUREBITS),
    OPTION(PR_GET_KEEPCAPS),
    OPTION(PR_SET_CHILD_SUBREAPER),
    OPTION(PR_GET_CHILD_SUBREAPER),
    OPTION(PR_SET_NO_NEW_PRIVS),
    OPTION(PR_GET_NO_NEW_PRIVS),
    OPTION(PR_SET_THP_DISABLE),
    OPTION(PR_GET_THP_DISABLE),
    OPTION(PR_SET_VMA),
    REQUESTS('T'),
    REQUESTS(0x89),
    REQUEST(FIGETBSZ),
    REQUEST(FICLONE), // cp --reflink
    REQUEST(FICLONERANGE),
    // As of a file that does not know it.
    {.call = SCMP_SYS(ioctl), .action = SCMP_ACT_ERRNO(ENOTTY)},
};

// clone3's flags lie in memory, where a filter can't look: without it, libc uses clone.
static const struct seccomp_rule code[] = {
    SECCOMP_ALLOW_IF(clone, 0, ALL_NAMESPACES, 0),
};

static const struct seccomp_rule browser[] = {
    BROWSER_CALLS(ALLOW) SECCOMP_ALLOW_IF(clone, 0, OTHER_NAMESPACES, 0),
    SECCOMP_ALLOW_IF(unshare, 0, OTHER_NAMESPACES | CLONE_NEWTIME, 0),
    SECCOMP_ALLOW_IF(seccomp, 1, SECCOMP_NEW_LISTENER, 0),
    OPTION(PR_SET_SECCOMP),
    OPTION(PR_CAPBSET_DROP),
    OPTION(PR_SET_KEEPCAPS),
    OPTION(PR_CAP_AMBIENT),
    OPTION(PR_GET_TIMERSLACK),
    OPTION(PR_SET_TIMERSLACK),
    OPTION(PR_GET_SPECULATION_CTRL),
    OPTION(PR_SET_PTRACER),
};

static const struct seccomp_rule desktop[] = {DESKTOP_CALLS(ALLOW)};

const struct seccomp_list seccomp_lists[PROFILE_COUNT][SECCOMP_LISTS_MAX] = {
    [PROFILE_DESKTOP] = {LIST(common), LIST(browser), LIST(desktop)},
    [PROFILE_BROWSER] = {LIST(common), LIST(browser)},
    [PROFILE_CODE] = {LIST(common), LIST(code)},
};

#define REFUSE(name, errno_value, ...)                                                                       \
    {                                                                                                        \
        .call = SCMP_SYS(name), .error = (errno_value), .arguments = { __VA_ARGS__ }                         \
    }
#define IS(value) UINT32_MAX, value
#define REFUSE_REQUEST(request) REFUSE(ioctl, EPERM, {1, IS(request)})
#define REFUSE_REQUESTS(mask, value) REFUSE(ioctl, EPERM, {1, mask, value})
#define REFUSE_PROTOCOL(protocol) REFUSE(socket, EPROTONOSUPPORT, {2, IS(protocol)})
#define REFUSE_OPTION(level, option) REFUSE(setsockopt, ENOPROTOOPT, {1, IS(level)}, {2, IS(option)})

const struct seccomp_refusal seccomp_refusals[] = {
    REFUSE_REQUEST(TIOCSTI),   // types into the terminal of whoever started a program
    REFUSE_REQUEST(TIOCLINUX), // the same on a console
    REFUSE_REQUEST(TIOCEXCL),  // nobody else could open that terminal any more
    REFUSE_REQUEST(TIOCSETD),  // line disciplines: much old code, loaded on demand
    // Links, routes, neighbours, bridges, tunnels and drivers, which root of a nested network namespace could change. What asks only (SIOCGIF*)
    // stays: old programs list interfaces so.
    REFUSE_REQUESTS(0xfffffff8, 0x8908), // routes
    REFUSE_REQUESTS(0xfffffff5, 0x8914), // SIOCSIFFLAGS, SIFADDR, SIFNETMASK, SIFMETRIC
    REFUSE_REQUESTS(0xfffffffd, 0x8918), // SIOCSIFDSTADDR, SIFBRDADDR
    REFUSE_REQUESTS(0xffffffff, SIOCSIFMEM),
    REFUSE_REQUESTS(0xfffffffe, SIOCSIFMTU),   // and SIOCSIFNAME
    REFUSE_REQUESTS(0xfffffffd, 0x8924),       // SIOCSIFHWADDR, SIFENCAP
    REFUSE_REQUESTS(0xfffffffe, SIOCSIFSLAVE), // and SIOCADDMULTI
    REFUSE_REQUESTS(0xffffffff, SIOCDELMULTI),
    REFUSE_REQUESTS(0xfffffffd, SIOCSIFPFLAGS), // and SIOCDIFADDR
    REFUSE_REQUESTS(0xffffffff, SIOCSIFHWBROADCAST),
    REFUSE_REQUESTS(0xffffffc0, 0x8940), // bridges, drivers, neighbours, maps
    REFUSE_REQUESTS(0xffffff80, 0x8980), // vlans, bonds, bridges, time stamps, and private ones: tunnels
    // Says what is in the page cache, which all sandboxes and the host share.
    REFUSE(preadv2, EOPNOTSUPP, {5, RWF_NOWAIT, RWF_NOWAIT}),
    REFUSE(fcntl, EINVAL, {1, IS(F_NOTIFY)}),
    // The list has none of them; who asks for one and knows to do without is told so.
    REFUSE_PROTOCOL(IPPROTO_SCTP),
    REFUSE_PROTOCOL(IPPROTO_UDPLITE),
    REFUSE_PROTOCOL(256 /* IPPROTO_SMC */),
    REFUSE_PROTOCOL(262 /* IPPROTO_MPTCP */),
    // Closing the last reference to a socket with unsent data would wait: sandboxd and others get descriptors from here.
    REFUSE_OPTION(SOL_SOCKET, SO_LINGER),
    // Code for the kernel's interpreter and compiler.
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_FILTER),
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_BPF),
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF),
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF),
    REFUSE_OPTION(SOL_TCP, TCP_ULP),
    // What only root of a network needs, which a nested one has: rules of IPsec and parts of packets, and states and keys of connections; a socket
    // behind IPsec needs nobody's right.
    REFUSE_OPTION(SOL_UDP, UDP_ENCAP),
    REFUSE_OPTION(SOL_IP, IP_IPSEC_POLICY),
    REFUSE_OPTION(SOL_IP, IP_XFRM_POLICY),
    REFUSE_OPTION(SOL_IPV6, IPV6_IPSEC_POLICY),
    REFUSE_OPTION(SOL_IPV6, IPV6_XFRM_POLICY),
    REFUSE_OPTION(SOL_IPV6, IPV6_HOPOPTS),
    REFUSE_OPTION(SOL_IPV6, IPV6_RTHDR),
    REFUSE_OPTION(SOL_IPV6, IPV6_DSTOPTS),
    REFUSE_OPTION(SOL_IPV6, IPV6_RTHDRDSTOPTS),
    REFUSE_OPTION(SOL_IPV6, IPV6_2292PKTOPTIONS), // any of these headers
    REFUSE_OPTION(SOL_IP, IP_OPTIONS),            // source routes
    REFUSE_OPTION(SOL_TCP, TCP_REPAIR),
    REFUSE_OPTION(SOL_TCP, TCP_MD5SIG),
    REFUSE_OPTION(SOL_TCP, TCP_MD5SIG_EXT),
    REFUSE_OPTION(SOL_TCP, 38 /* TCP_AO_ADD_KEY */),
    REFUSE_OPTION(SOL_TCP, 39 /* TCP_AO_DEL_KEY */),
    REFUSE_OPTION(SOL_TCP, 40 /* TCP_AO_INFO */),
    // All networks of the host share one table of these.
    REFUSE_OPTION(SOL_IPV6, 32 /* IPV6_FLOWLABEL_MGR */),
    // Tables of iptables, arptables, ebtables: root of a nested network namespace may replace them (CVE-2021-22555).
    REFUSE_OPTION(SOL_IP, 64),
    REFUSE_OPTION(SOL_IP, 65),
    REFUSE_OPTION(SOL_IP, 96),
    REFUSE_OPTION(SOL_IP, 97),
    REFUSE_OPTION(SOL_IP, 128),
    REFUSE_OPTION(SOL_IP, 129),
    REFUSE_OPTION(SOL_IPV6, 64),
    REFUSE_OPTION(SOL_IPV6, 65),
};
const size_t seccomp_refusal_count = sizeof(seccomp_refusals) / sizeof(seccomp_refusals[0]);
