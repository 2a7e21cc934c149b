// The filter alone: whatever else would refuse a call, the filter's answer comes first. What the kernel would do is told apart from it by
// arguments that no call takes: a descriptor that is none, a pointer to nowhere.

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/escape/layers/layers.h"

#define FIRST_NEW_CALL 450 // what came after Linux 6.0, which Debian's headers don't know
#define LAST_NEW_CALL 511

struct forbidden {
    const char *name;
    long call;
    enum in in;
};

#define NEVER(call)                                                                                          \
    {                                                                                                        \
#call, SYS_##call, IN_ALL                                                                            \
    }
#define NOT_IN_CODE(call)                                                                                    \
    {                                                                                                        \
#call, SYS_##call, IN_CODE                                                                           \
    }
#define DESKTOP_ONLY(call)                                                                                   \
    {                                                                                                        \
#call, SYS_##call, IN_CODE | IN_BROWSER                                                              \
    }

static const struct forbidden forbidden[] = {
    NEVER(setns),
    NEVER(ptrace),
    NEVER(process_vm_readv),
    NEVER(process_vm_writev),
    NEVER(pidfd_getfd),
    NEVER(kcmp),
    NEVER(process_mrelease),
    NEVER(keyctl),
    NEVER(add_key),
    NEVER(request_key),
    NEVER(bpf),
    NEVER(perf_event_open),
    NEVER(userfaultfd),
    NEVER(io_uring_setup),
    NEVER(io_uring_enter),
    NEVER(io_uring_register),
    NEVER(io_setup),
    NEVER(io_submit),
    NEVER(io_destroy),
    NEVER(mount),
    NEVER(umount2),
    NEVER(pivot_root),
    NEVER(open_tree),
    NEVER(move_mount),
    NEVER(fsopen),
    NEVER(fsconfig),
    NEVER(fsmount),
    NEVER(fspick),
    NEVER(mount_setattr),
    NEVER(clone3),
    NEVER(open_by_handle_at),
    NEVER(name_to_handle_at),
    NEVER(fanotify_init),
    NEVER(fanotify_mark),
    NEVER(modify_ldt),
    NEVER(remap_file_pages),
    NEVER(memfd_secret),
    NEVER(mbind),
    NEVER(set_mempolicy),
    NEVER(migrate_pages),
    NEVER(move_pages),
    NEVER(syslog),
    NEVER(reboot),
    NEVER(init_module),
    NEVER(finit_module),
    NEVER(delete_module),
    NEVER(kexec_load),
    NEVER(kexec_file_load),
    NEVER(swapon),
    NEVER(swapoff),
    NEVER(acct),
    NEVER(quotactl),
    NEVER(quotactl_fd),
    NEVER(iopl),
    NEVER(ioperm),
    NEVER(vhangup),
    NEVER(sync),
    NEVER(sethostname),
    NEVER(setdomainname),
    NEVER(settimeofday),
    NEVER(clock_settime),
    NEVER(adjtimex),
    NEVER(clock_adjtime),
    NEVER(sysfs),
    NEVER(ustat),
    NEVER(uselib),
    NEVER(lookup_dcookie),
    NOT_IN_CODE(unshare),
    NOT_IN_CODE(chroot),
    NOT_IN_CODE(seccomp),
    NOT_IN_CODE(landlock_create_ruleset),
    NOT_IN_CODE(capset),
    NOT_IN_CODE(memfd_create),
    NOT_IN_CODE(mincore),
    NOT_IN_CODE(process_madvise),
    NOT_IN_CODE(rt_sigqueueinfo),
    NOT_IN_CODE(sched_setscheduler),
    NOT_IN_CODE(sched_setattr),
    NOT_IN_CODE(setpriority),
    NOT_IN_CODE(ioprio_set),
    NOT_IN_CODE(pkey_alloc),
    DESKTOP_ONLY(setxattr),
    DESKTOP_ONLY(lsetxattr),
    DESKTOP_ONLY(fsetxattr),
    DESKTOP_ONLY(mlockall),
    DESKTOP_ONLY(syncfs),
    DESKTOP_ONLY(vmsplice),
    DESKTOP_ONLY(tee),
    DESKTOP_ONLY(execveat),
    DESKTOP_ONLY(shmget),
    DESKTOP_ONLY(shmat),
    DESKTOP_ONLY(semget),
    DESKTOP_ONLY(semop),
    DESKTOP_ONLY(msgget),
    DESKTOP_ONLY(mq_open),
    DESKTOP_ONLY(mq_notify),
};

static void expect(const char *name, long call, const long arguments[static 6], int error)
{
    const long *a = arguments;
    errno = 0;
    long result = syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    layers_check(result < 0 && errno == error, "%s gives %ld (%s) instead of %s", name, result,
                 result < 0 ? strerrorname_np(errno) : "no error", strerrorname_np(error));
}

void layers_calls(enum in profile)
{
    static const long nowhere[6] = {-1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (forbidden[i].in & profile)
            expect(forbidden[i].name, forbidden[i].call, nowhere, ENOSYS);
    }
    for (long call = FIRST_NEW_CALL; call <= LAST_NEW_CALL; call++) {
        errno = 0;
        long result = syscall(call, -1, -1, -1, -1, -1, -1);
        layers_check(result < 0 && errno == ENOSYS, "call %ld is let through", call);
    }
}

struct refused {
    const char *name;
    enum in in;
    int error;
    long call;
    long arguments[6];
};

#define IOCTL(request, wrong)                                                                                \
    {                                                                                                        \
#request, IN_ALL, wrong, SYS_ioctl,                                                                  \
        {                                                                                                    \
            -1, (long)(request), -1                                                                          \
        }                                                                                                    \
    }
#define OPTION(level, option)                                                                                \
    {                                                                                                        \
#level " " #option, IN_ALL, ENOPROTOOPT, SYS_setsockopt,                                             \
        {                                                                                                    \
            -1, level, option, -1, 8                                                                         \
        }                                                                                                    \
    }
#define SOCKET(family, type, protocol, wrong)                                                                \
    {                                                                                                        \
        "socket " #family " " #type " " #protocol, IN_ALL, wrong, SYS_socket,                                \
        {                                                                                                    \
            family, type, protocol                                                                           \
        }                                                                                                    \
    }
// Without memory in common there can't be common handlers: the kernel refuses with EINVAL.
#define CLONE(flag, profiles)                                                                                \
    {                                                                                                        \
        "clone " #flag, profiles, ENOSYS, SYS_clone,                                                         \
        {                                                                                                    \
            (flag) | CLONE_SIGHAND, 0, 0, 0, 0                                                               \
        }                                                                                                    \
    }
// A flag that does not exist beside it: EINVAL.
#define UNSHARE(flag)                                                                                        \
    {                                                                                                        \
        "unshare " #flag, IN_ALL, ENOSYS, SYS_unshare,                                                       \
        {                                                                                                    \
            (flag) | 1                                                                                       \
        }                                                                                                    \
    }
#define PRCTL(option, profiles)                                                                              \
    {                                                                                                        \
        "prctl " #option, profiles, ENOSYS, SYS_prctl,                                                       \
        {                                                                                                    \
            option, -1, -1, -1, -1                                                                           \
        }                                                                                                    \
    }

static const struct refused refused[] = {
    IOCTL(TIOCSTI, EPERM),
    IOCTL(INT64_C(1) << 32 | TIOCSTI, EPERM),
    IOCTL(TIOCLINUX, EPERM),
    IOCTL(TIOCSETD, EPERM),
    IOCTL(TIOCEXCL, EPERM),
    IOCTL(SIOCADDRT, EPERM),
    IOCTL(SIOCDELRT, EPERM),
    IOCTL(SIOCSIFFLAGS, EPERM),
    IOCTL(SIOCSIFADDR, EPERM),
    IOCTL(SIOCSIFDSTADDR, EPERM),
    IOCTL(SIOCSIFBRDADDR, EPERM),
    IOCTL(SIOCSIFNETMASK, EPERM),
    IOCTL(SIOCSIFMETRIC, EPERM),
    IOCTL(SIOCSIFMEM, EPERM),
    IOCTL(SIOCSIFMTU, EPERM),
    IOCTL(SIOCSIFNAME, EPERM),
    IOCTL(SIOCSIFHWADDR, EPERM),
    IOCTL(SIOCSIFENCAP, EPERM),
    IOCTL(SIOCSIFSLAVE, EPERM),
    IOCTL(SIOCADDMULTI, EPERM),
    IOCTL(SIOCDELMULTI, EPERM),
    IOCTL(SIOCSIFPFLAGS, EPERM),
    IOCTL(SIOCDIFADDR, EPERM),
    IOCTL(SIOCSIFHWBROADCAST, EPERM),
    IOCTL(SIOCSIFTXQLEN, EPERM),
    IOCTL(SIOCETHTOOL, EPERM),
    IOCTL(SIOCGSKNS, EPERM),
    IOCTL(SIOCSARP, EPERM),
    IOCTL(SIOCBRADDBR, EPERM),
    IOCTL(SIOCBONDENSLAVE, EPERM),
    IOCTL(SIOCSIFVLAN, EPERM),
    IOCTL(SIOCSHWTSTAMP, EPERM),
    IOCTL(SIOCDEVPRIVATE, EPERM),
    // Of file systems, namespaces, processes: which disk, which blocks, how many namespaces there were.
    IOCTL(FS_IOC_GETFSLABEL, ENOTTY),
    IOCTL(0x80111500 /* FS_IOC_GETFSUUID */, ENOTTY),
    IOCTL(0x80811501 /* FS_IOC_GETFSSYSFSPATH */, ENOTTY),
    IOCTL(FS_IOC_FIEMAP, ENOTTY),
    IOCTL(FIBMAP, ENOTTY),
    IOCTL(FITRIM, ENOTTY),
    IOCTL(FIDEDUPERANGE, ENOTTY),
    IOCTL(FS_IOC_SETFLAGS, ENOTTY),
    IOCTL(FS_IOC_FSSETXATTR, ENOTTY),
    IOCTL(0xc028660f /* EXT4_IOC_MOVE_EXT */, ENOTTY),
    IOCTL(0x5000940e /* BTRFS_IOC_SUBVOL_CREATE */, ENOTTY),
    IOCTL(0x800c6613 /* FS_IOC_SET_ENCRYPTION_POLICY */, ENOTTY),
    IOCTL(0x40806685 /* FS_IOC_ENABLE_VERITY */, ENOTTY),
    IOCTL(0xb701 /* NS_GET_USERNS */, ENOTTY),
    IOCTL(0x8008b705 /* NS_GET_MNTNS_ID */, ENOTTY),
    IOCTL(0x8008b70d /* NS_GET_ID */, ENOTTY),
    IOCTL(0xff05 /* PIDFD_GET_NET_NAMESPACE */, ENOTTY),
    IOCTL(0xc040ff0b /* PIDFD_GET_INFO */, ENOTTY),
    IOCTL(0x40088a01 /* EPIOCSPARAMS */, ENOTTY),
    OPTION(SOL_SOCKET, SO_LINGER),
    OPTION(SOL_SOCKET, SO_ATTACH_FILTER),
    OPTION(SOL_SOCKET, SO_ATTACH_BPF),
    OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF),
    OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF),
    OPTION(SOL_TCP, TCP_ULP),
    OPTION(SOL_TCP, TCP_REPAIR),
    OPTION(SOL_TCP, TCP_MD5SIG),
    OPTION(SOL_TCP, TCP_MD5SIG_EXT),
    OPTION(SOL_TCP, 38 /* TCP_AO_ADD_KEY */),
    OPTION(SOL_TCP, 39 /* TCP_AO_DEL_KEY */),
    OPTION(SOL_TCP, 40 /* TCP_AO_INFO */),
    OPTION(SOL_UDP, UDP_ENCAP),
    OPTION(SOL_IP, IP_IPSEC_POLICY),
    OPTION(SOL_IP, IP_XFRM_POLICY),
    OPTION(SOL_IP, 64 /* IPT_SO_SET_REPLACE */),
    OPTION(SOL_IP, 65 /* IPT_SO_SET_ADD_COUNTERS */),
    OPTION(SOL_IP, 96 /* ARPT_SO_SET_REPLACE */),
    OPTION(SOL_IP, 97 /* ARPT_SO_SET_ADD_COUNTERS */),
    OPTION(SOL_IP, 128 /* EBT_SO_SET_ENTRIES */),
    OPTION(SOL_IP, 129 /* EBT_SO_SET_COUNTERS */),
    OPTION(SOL_IPV6, 64 /* IP6T_SO_SET_REPLACE */),
    OPTION(SOL_IPV6, 65 /* IP6T_SO_SET_ADD_COUNTERS */),
    OPTION(SOL_IPV6, IPV6_IPSEC_POLICY),
    OPTION(SOL_IPV6, IPV6_XFRM_POLICY),
    OPTION(SOL_IPV6, IPV6_HOPOPTS),
    OPTION(SOL_IPV6, IPV6_RTHDR),
    OPTION(SOL_IPV6, IPV6_DSTOPTS),
    OPTION(SOL_IPV6, IPV6_RTHDRDSTOPTS),
    OPTION(SOL_IPV6, IPV6_2292PKTOPTIONS),
    OPTION(SOL_IP, IP_OPTIONS),
    OPTION(SOL_IPV6, 32 /* IPV6_FLOWLABEL_MGR */),
    SOCKET(AF_INET, SOCK_STREAM, IPPROTO_SCTP, EPROTONOSUPPORT),
    SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, EPROTONOSUPPORT),
    SOCKET(AF_INET, SOCK_STREAM, 256 /* IPPROTO_SMC */, EPROTONOSUPPORT),
    SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP, EPROTONOSUPPORT),
    SOCKET(AF_INET, SOCK_RAW, IPPROTO_UDP, ENOSYS),
    SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_ICMP, ENOSYS),
    SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, ENOSYS),
    SOCKET(AF_INET, SOCK_SEQPACKET, 0, ENOSYS),
    SOCKET(AF_INET, SOCK_STREAM, IPPROTO_UDP, ENOSYS),
    SOCKET(AF_NETLINK, SOCK_RAW, 0, ENOSYS),
    SOCKET(AF_VSOCK, SOCK_STREAM, 0, ENOSYS),
    {"socketpair AF_INET", IN_ALL, ENOSYS, SYS_socketpair, {AF_INET, SOCK_STREAM, 0, -1}},
    CLONE(CLONE_NEWNS, IN_ALL),
    CLONE(CLONE_NEWIPC, IN_ALL),
    CLONE(CLONE_NEWUTS, IN_ALL),
    CLONE(CLONE_NEWCGROUP, IN_ALL),
    CLONE(CLONE_NEWUSER, IN_CODE),
    CLONE(CLONE_NEWPID, IN_CODE),
    CLONE(CLONE_NEWNET, IN_CODE),
    UNSHARE(CLONE_NEWNS),
    UNSHARE(CLONE_NEWIPC),
    UNSHARE(CLONE_NEWUTS),
    UNSHARE(CLONE_NEWCGROUP),
    UNSHARE(CLONE_NEWTIME),
    {"seccomp listener", IN_ALL, ENOSYS, SYS_seccomp, {1, 8, -1}},
    {"personality", IN_ALL, ENOSYS, SYS_personality, {ADDR_NO_RANDOMIZE | 0xff}},
    {"setrlimit RLIMIT_CORE", IN_ALL, ENOSYS, SYS_setrlimit, {RLIMIT_CORE, -1}},
    {"prlimit64 RLIMIT_CORE", IN_ALL, ENOSYS, SYS_prlimit64, {0, RLIMIT_CORE, -1, 0}},
    {"preadv2 RWF_NOWAIT", IN_ALL, EOPNOTSUPP, SYS_preadv2, {-1, -1, 1, 0, 0, RWF_NOWAIT}},
    {"fcntl F_NOTIFY", IN_ALL, EINVAL, SYS_fcntl, {-1, F_NOTIFY, 1}},
    PRCTL(PR_SET_MM, IN_ALL),
    PRCTL(PR_SCHED_CORE, IN_ALL),
    PRCTL(PR_SET_TSC, IN_ALL),
    PRCTL(PR_SET_SECUREBITS, IN_ALL),
    PRCTL(65 /* PR_SET_MDWE */, IN_ALL),
    PRCTL(PR_SET_IO_FLUSHER, IN_ALL),
    PRCTL(PR_SET_SYSCALL_USER_DISPATCH, IN_ALL),
    PRCTL(PR_SET_UNALIGN, IN_ALL),
    PRCTL(PR_MCE_KILL, IN_ALL),
    PRCTL(PR_TASK_PERF_EVENTS_DISABLE, IN_ALL),
    PRCTL(PR_SET_SECCOMP, IN_CODE),
    PRCTL(PR_SET_PTRACER, IN_CODE),
};

void layers_arguments(enum in profile)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (refused[i].in & profile)
            expect(refused[i].name, refused[i].call, refused[i].arguments, refused[i].error);
    }
}
