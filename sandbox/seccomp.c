// The system calls of a desktop sandbox: an allow list, and a second filter against single arguments of calls that are on it.

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/seccomp_filter.h"
#include "sandbox/operations.h"
#include "sandbox/seccomp_calls.h"

// The kernel takes these arguments as 32 bits: what stands in the upper half must not make a difference.
#define INT UINT64_C(0xffffffff)
// Chromium's own sandbox makes user, pid and network namespaces; the others open more of the kernel than they shut.
#define OTHER_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC)
#define SECCOMP_NEW_LISTENER 8u // SECCOMP_FILTER_FLAG_NEW_LISTENER

#define ALLOW(call) SECCOMP_ALLOW(call),
#define OPTION(number) SECCOMP_ALLOW_IF(prctl, 0, INT, number)

#define SOCKET_TYPE UINT64_C(0xf) // without SOCK_CLOEXEC and SOCK_NONBLOCK
#define INTERNET(family, type)                                                                               \
    {                                                                                                        \
        .call = SCMP_SYS(socket), .action = SCMP_ACT_ALLOW, .argument = 0, .mask = INT, .value = (family),   \
        .second_argument = 1, .second_mask = SOCKET_TYPE, .second_value = (type)                             \
    }
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

static const struct seccomp_rule allowed[] = {
    SANDBOX_CALLS(ALLOW)
    // clone3's flags lie in memory, where a filter can't look: without it, libc uses clone.
    SECCOMP_ALLOW_IF(clone, 0, OTHER_NAMESPACES, 0),
    SECCOMP_ALLOW_IF(unshare, 0, OTHER_NAMESPACES | CLONE_NEWTIME, 0),
    SECCOMP_ALLOW_IF(socket, 0, INT, AF_UNIX),
    INTERNET(AF_INET, SOCK_STREAM),
    INTERNET(AF_INET, SOCK_DGRAM),
    INTERNET(AF_INET6, SOCK_STREAM),
    INTERNET(AF_INET6, SOCK_DGRAM),
    {.call = SCMP_SYS(socket),
     .action = SCMP_ACT_ALLOW,
     .argument = 0,
     .mask = INT,
     .value = AF_NETLINK,
     .second_argument = 2,
     .second_mask = INT,
     .second_value = NETLINK_ROUTE},
    SECCOMP_ALLOW_IF(socketpair, 0, INT, AF_UNIX),
    SECCOMP_ALLOW_IF(personality, 0, INT, 0),
    SECCOMP_ALLOW_IF(personality, 0, INT, INT), // asks only
    SECCOMP_ALLOW_IF(seccomp, 1, SECCOMP_NEW_LISTENER, 0),
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
    OPTION(PR_SET_SECCOMP),
    OPTION(PR_CAPBSET_READ),
    OPTION(PR_CAPBSET_DROP),
    OPTION(PR_GET_SECUREBITS),
    OPTION(PR_GET_KEEPCAPS),
    OPTION(PR_SET_KEEPCAPS),
    OPTION(PR_CAP_AMBIENT),
    OPTION(PR_GET_TIMERSLACK),
    OPTION(PR_SET_TIMERSLACK),
    OPTION(PR_SET_CHILD_SUBREAPER),
    OPTION(PR_GET_CHILD_SUBREAPER),
    OPTION(PR_SET_NO_NEW_PRIVS),
    OPTION(PR_GET_NO_NEW_PRIVS),
    OPTION(PR_SET_THP_DISABLE),
    OPTION(PR_GET_THP_DISABLE),
    OPTION(PR_GET_SPECULATION_CTRL),
    OPTION(PR_SET_VMA),
    OPTION(PR_SET_PTRACER),
};

#define REFUSE_ARGUMENT(name, error, number, bits, wanted)                                                   \
    {                                                                                                        \
        .call = SCMP_SYS(name), .action = SCMP_ACT_ERRNO(error), .argument = (number), .mask = (bits),       \
        .value = (wanted)                                                                                    \
    }
#define REFUSE_OPTION(level, option)                                                                         \
    {                                                                                                        \
        .call = SCMP_SYS(setsockopt), .action = SCMP_ACT_ERRNO(ENOPROTOOPT), .argument = 1, .mask = INT,     \
        .value = (level), .second_argument = 2, .second_mask = INT, .second_value = (option)                 \
    }
#define REFUSE_PROTOCOL(protocol) REFUSE_ARGUMENT(socket, EPROTONOSUPPORT, 2, INT, protocol)

static const struct seccomp_rule refused[] = {
    REFUSE_ARGUMENT(ioctl, EPERM, 1, INT, TIOCSTI),   // types into the terminal of whoever started a program
    REFUSE_ARGUMENT(ioctl, EPERM, 1, INT, TIOCLINUX), // the same on a console
    REFUSE_ARGUMENT(ioctl, EPERM, 1, INT, TIOCSETD),  // line disciplines: much old code, loaded on demand
    // Says what is in the page cache, which all sandboxes and the host share.
    REFUSE_ARGUMENT(preadv2, EOPNOTSUPP, 5, RWF_NOWAIT, RWF_NOWAIT),
    REFUSE_ARGUMENT(fcntl, EINVAL, 1, INT, F_NOTIFY),
    REFUSE_PROTOCOL(115 /* IPPROTO_L2TP */),
    REFUSE_PROTOCOL(IPPROTO_SCTP),
    REFUSE_PROTOCOL(IPPROTO_UDPLITE),
    REFUSE_PROTOCOL(256 /* IPPROTO_SMC */),
    REFUSE_PROTOCOL(262 /* IPPROTO_MPTCP */),
    // Code for the kernel's interpreter and compiler.
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_FILTER),
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_BPF),
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF),
    REFUSE_OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF),
    REFUSE_OPTION(SOL_TCP, TCP_ULP),
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

int operation_seccomp(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    int error = seccomp_filter_load_with(SCMP_ACT_ALLOW, refused, sizeof(refused) / sizeof(refused[0]));
    return error ? error : seccomp_filter_load(allowed, sizeof(allowed) / sizeof(allowed[0]));
}
