#pragma once
// Rows that stand in the list of every program that confines itself (lib/confine.h), whatever it does.

#include <sys/prctl.h>

#include "lib/seccomp_filter.h"

// Memory, time, its end; and PR_GET_SECCOMP, which confine() needs.
#define CONFINE_CALLS_AT_WORK                                                                                \
    SECCOMP_ALLOW(rt_sigreturn), SECCOMP_ALLOW(rt_sigprocmask), SECCOMP_ALLOW(restart_syscall),              \
        SECCOMP_ALLOW(futex), SECCOMP_ALLOW(brk), SECCOMP_ALLOW(mremap), SECCOMP_ALLOW(munmap),              \
        SECCOMP_ALLOW(madvise), SECCOMP_ALLOW(clock_gettime), SECCOMP_ALLOW(gettimeofday),                   \
        SECCOMP_ALLOW(getrandom), CONFINE_CALLS_SANITIZED SECCOMP_ALLOW(exit), SECCOMP_ALLOW(exit_group),    \
        SECCOMP_ALLOW_IF(prctl, 0, UINT64_MAX, PR_GET_SECCOMP)

#ifdef SANITIZED_BUILD
#define CONFINE_CALLS_SANITIZED                                                                              \
    SECCOMP_ALLOW(sigaltstack), SECCOMP_ALLOW(gettid), SECCOMP_ALLOW(getpid), SECCOMP_ALLOW(sched_yield),    \
        SECCOMP_ALLOW_IF(prctl, 0, UINT64_MAX, PR_GET_DUMPABLE),
#else
#define CONFINE_CALLS_SANITIZED
#endif

// No program that means well asks for these once it serves.
#define CONFINE_CALLS_NEVER                                                                                  \
    SECCOMP_KILL(execve), SECCOMP_KILL(execveat), SECCOMP_KILL(fork), SECCOMP_KILL(vfork),                   \
        SECCOMP_KILL(clone), SECCOMP_KILL(clone3), SECCOMP_KILL(unshare), SECCOMP_KILL(setns),               \
        SECCOMP_KILL(mount), SECCOMP_KILL(ptrace), SECCOMP_KILL(process_vm_readv),                           \
        SECCOMP_KILL(process_vm_writev), SECCOMP_KILL(bpf), SECCOMP_KILL(perf_event_open),                   \
        SECCOMP_KILL(io_uring_setup), SECCOMP_KILL(userfaultfd), SECCOMP_KILL(keyctl),                       \
        SECCOMP_KILL(add_key), SECCOMP_KILL(request_key), SECCOMP_KILL(open_by_handle_at)

// Nor for these, if it opens and connects nothing either.
#define CONFINE_CALLS_NEVER_SEALED                                                                           \
    SECCOMP_KILL(open), SECCOMP_KILL(openat), SECCOMP_KILL(openat2), SECCOMP_KILL(creat),                    \
        SECCOMP_KILL(memfd_create), SECCOMP_KILL(socket), SECCOMP_KILL(socketpair), SECCOMP_KILL(connect),   \
        SECCOMP_KILL(bind), SECCOMP_KILL(listen), SECCOMP_KILL(accept), SECCOMP_KILL(accept4)
