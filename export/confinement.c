#include "export/confinement.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "lib/confine.h"
#include "lib/export_channel.h"
#include "lib/log.h"

// Address space: libavcodec's libraries, the canvas, a decoder and an encoder at the largest display. What is used counts in the control group.
#define MEMORY (UINT64_C(6) << 30)
#define PROCESSOR_SECONDS (UINT64_C(12) * 3600)
#define DESCRIPTORS 16

static const struct seccomp_rule calls[] = {
    SECCOMP_ALLOW(read),
    SECCOMP_ALLOW(pread64),
    SECCOMP_ALLOW(write),
    SECCOMP_ALLOW(writev), // the log
    SECCOMP_ALLOW(lseek),
    SECCOMP_ALLOW(fstat),
    SECCOMP_ALLOW(newfstatat), // fstat() of glibc
    SECCOMP_ALLOW(sendmsg),
    SECCOMP_ALLOW(close),
    SECCOMP_ALLOW(rt_sigreturn),
    SECCOMP_ALLOW(rt_sigprocmask),
    SECCOMP_ALLOW(restart_syscall),
    SECCOMP_ALLOW(futex),
    SECCOMP_ALLOW(brk),
    SECCOMP_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
    SECCOMP_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
    SECCOMP_ALLOW(mremap),
    SECCOMP_ALLOW(munmap),
    SECCOMP_ALLOW(madvise),
    SECCOMP_ALLOW(clock_gettime),
    SECCOMP_ALLOW(gettimeofday),
    SECCOMP_ALLOW(getrandom),
    SECCOMP_ALLOW_IF(prctl, 0, UINT64_MAX, PR_GET_SECCOMP),
    SECCOMP_ALLOW(exit),
    SECCOMP_ALLOW(exit_group),
#ifdef SANITIZED_BUILD
    SECCOMP_ALLOW(sigaltstack),
    SECCOMP_ALLOW(gettid),
    SECCOMP_ALLOW(getpid),
    SECCOMP_ALLOW(sched_yield),
    SECCOMP_ALLOW_IF(prctl, 0, UINT64_MAX, PR_GET_DUMPABLE),
#endif
    // No program that means well asks for these once it works.
    SECCOMP_KILL(execve),
    SECCOMP_KILL(execveat),
    SECCOMP_KILL(open),
    SECCOMP_KILL(openat),
    SECCOMP_KILL(openat2),
    SECCOMP_KILL(creat),
    SECCOMP_KILL(memfd_create),
    SECCOMP_KILL(socket),
    SECCOMP_KILL(socketpair),
    SECCOMP_KILL(connect),
    SECCOMP_KILL(bind),
    SECCOMP_KILL(listen),
    SECCOMP_KILL(fork),
    SECCOMP_KILL(vfork),
    SECCOMP_KILL(clone),
    SECCOMP_KILL(clone3),
    SECCOMP_KILL(unshare),
    SECCOMP_KILL(setns),
    SECCOMP_KILL(mount),
    SECCOMP_KILL(ptrace),
    SECCOMP_KILL(process_vm_readv),
    SECCOMP_KILL(process_vm_writev),
    SECCOMP_KILL(bpf),
    SECCOMP_KILL(perf_event_open),
    SECCOMP_KILL(io_uring_setup),
    SECCOMP_KILL(userfaultfd),
    SECCOMP_KILL(keyctl),
    SECCOMP_KILL(add_key),
    SECCOMP_KILL(request_key),
};

int confinement_enter(uint64_t film_bytes_max, const char **ret_problem)
{
    struct confine_limit limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
        {RLIMIT_NOFILE, DESCRIPTORS},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_RTPRIO, 0},
        {RLIMIT_CPU, PROCESSOR_SECONDS},
        {RLIMIT_FSIZE, film_bytes_max},
#ifndef SANITIZED_BUILD // AddressSanitizer reserves terabytes of address space
        {RLIMIT_AS, MEMORY},
#endif
    };
    struct confine_policy policy = {.limits = limits,
                                    .limit_count = sizeof(limits) / sizeof(limits[0]),
                                    .calls = calls,
                                    .call_count = sizeof(calls) / sizeof(calls[0])};
    int landlock;
    int error = confine(&policy, &landlock, ret_problem);
    if (!error && landlock == 0)
        log_warning("this kernel has no Landlock: seccomp alone keeps the exporter from files");
    return error;
}
