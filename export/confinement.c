#include "export/confinement.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "lib/confine.h"
#include "lib/confine_calls.h"
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
    CONFINE_CALLS_AT_WORK,
    SECCOMP_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
    SECCOMP_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
    CONFINE_CALLS_NEVER,
    CONFINE_CALLS_NEVER_SEALED,
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
