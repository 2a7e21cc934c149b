#include "egress/confinement.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "egress/limits.h"
#include "lib/confine.h"
#include "lib/confine_calls.h"
#include "lib/log.h"

// Six for each connection: two sockets and two pipes.
#define DESCRIPTORS (EGRESS_CONNECTIONS_MAX * 6 + SANDBOX_MAX_TOTAL + 128)
#define RESOLVER_DESCRIPTORS 32
#define RESOLVER_MEMORY (UINT64_C(256) << 20)

#define SOCKET_OF(family) SECCOMP_ALLOW_IF(socket, 0, UINT64_MAX, family)

#define CALLS_OF_BOTH                                                                                        \
    CONFINE_CALLS_AT_WORK, CONFINE_CALLS_NEVER, SECCOMP_ALLOW(read), SECCOMP_ALLOW(write),                   \
        SECCOMP_ALLOW(writev), SECCOMP_ALLOW(recvfrom), SECCOMP_ALLOW(recvmsg), SECCOMP_ALLOW(sendto),       \
        SECCOMP_ALLOW(sendmsg), SECCOMP_ALLOW(connect), SECCOMP_ALLOW(getsockname),                          \
        SECCOMP_ALLOW(setsockopt), SECCOMP_ALLOW(getsockopt), SECCOMP_ALLOW(close)

static const struct seccomp_rule proxy_calls[] = {
    CALLS_OF_BOTH,
    SECCOMP_ALLOW(epoll_wait),
    SECCOMP_ALLOW(epoll_pwait),
    SECCOMP_ALLOW(epoll_ctl),
    SECCOMP_ALLOW(timerfd_settime),
    SECCOMP_ALLOW(accept4),
    SECCOMP_ALLOW(listen),
    SECCOMP_ALLOW(shutdown),
    SECCOMP_ALLOW(splice),
    SECCOMP_ALLOW(pipe2),
    SOCKET_OF(AF_INET),
    SOCKET_OF(AF_INET6),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_GETFL),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_SETFL),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_SETPIPE_SZ),
    SECCOMP_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
    SECCOMP_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
    SECCOMP_KILL(open),
    SECCOMP_KILL(openat),
    SECCOMP_KILL(openat2),
    SECCOMP_KILL(creat),
    SECCOMP_KILL(bind),
    SECCOMP_KILL(memfd_create),
};

// getaddrinfo(3) of glibc with its modules: files, dns, resolve, myhostname, mdns.
static const struct seccomp_rule resolver_calls[] = {
    CALLS_OF_BOTH,
    SECCOMP_ALLOW(openat),
    SECCOMP_ALLOW(open),
    SECCOMP_ALLOW(fstat),
    SECCOMP_ALLOW(stat),
    SECCOMP_ALLOW(newfstatat),
    SECCOMP_ALLOW(access),
    SECCOMP_ALLOW(faccessat),
    SECCOMP_ALLOW(lseek),
    SECCOMP_ALLOW(pread64),
    SECCOMP_ALLOW(poll),
    SECCOMP_ALLOW(ppoll),
    SECCOMP_ALLOW(sendmmsg),
    SECCOMP_ALLOW(bind), // netlink
    SECCOMP_ALLOW(getpid),
    SECCOMP_ALLOW(getuid),
    SECCOMP_ALLOW(geteuid),
    SECCOMP_ALLOW(getegid),
    SECCOMP_ALLOW(getgid),
    SECCOMP_ALLOW(uname),
    SECCOMP_ALLOW_IF(ioctl, 1, UINT64_MAX, FIONREAD),
    SOCKET_OF(AF_INET),
    SOCKET_OF(AF_INET6),
    SOCKET_OF(AF_NETLINK), // which address families this machine has
    SOCKET_OF(AF_UNIX),    // nscd, systemd-resolved
    SECCOMP_ALLOW(fcntl),
    SECCOMP_ALLOW(mmap), // a module of the name services is code
    SECCOMP_ALLOW(mprotect),
};

static const struct landlock_rule name_service_files[] = {
    {"/etc/resolv.conf", LANDLOCK_READ},
    {"/etc/hosts", LANDLOCK_READ},
    {"/etc/host.conf", LANDLOCK_READ},
    {"/etc/nsswitch.conf", LANDLOCK_READ},
    {"/etc/gai.conf", LANDLOCK_READ},
    {"/etc/services", LANDLOCK_READ},
    {"/etc/ld.so.cache", LANDLOCK_READ},
    {"/lib", LANDLOCK_READ},
    {"/lib64", LANDLOCK_READ},
    {"/usr/lib", LANDLOCK_READ},
    {"/usr/lib64", LANDLOCK_READ},
    {"/etc/localtime", LANDLOCK_READ},
    {"/run/systemd/resolve", LANDLOCK_READ},
    {"/run/resolvconf", LANDLOCK_READ},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int enter(const struct confine_policy *policy, const char **ret_problem)
{
    int landlock;
    int error = confine(policy, &landlock, ret_problem);
    if (!error && landlock == 0)
        log_warning("this kernel has no Landlock: seccomp alone confines this process");
    return error;
}

static rlim_t descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    return limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
}

unsigned confinement_descriptors(void)
{
    return (unsigned)descriptor_limit();
}

int confinement_of_proxy(const char **ret_problem)
{
    static const struct landlock_keep keep = {.tcp = LANDLOCK_TCP_CONNECT};
    struct confine_limit limits[] = {
        {RLIMIT_CORE, 0}, {RLIMIT_NPROC, 0}, {RLIMIT_MEMLOCK, 0}, {RLIMIT_NOFILE, descriptor_limit()}};
    struct confine_policy policy = {.limits = limits,
                                    .limit_count = COUNT(limits),
                                    .calls = proxy_calls,
                                    .call_count = COUNT(proxy_calls),
                                    .keep = &keep};
    return enter(&policy, ret_problem);
}

int confinement_of_resolver(const char **ret_problem)
{
    static const struct landlock_keep keep = {
        .rules = name_service_files, .count = COUNT(name_service_files), .tcp = LANDLOCK_TCP_CONNECT};
    static const struct confine_limit limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_NOFILE, RESOLVER_DESCRIPTORS},
#ifndef SANITIZED_BUILD // AddressSanitizer reserves terabytes of address space
        {RLIMIT_AS, RESOLVER_MEMORY},
#endif
    };
    struct confine_policy policy = {.limits = limits,
                                    .limit_count = COUNT(limits),
                                    .calls = resolver_calls,
                                    .call_count = COUNT(resolver_calls),
                                    .keep = &keep};
    return enter(&policy, ret_problem);
}
