#include "streaming/confinement.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "lib/confine.h"
#include "lib/confine_calls.h"
#include "lib/log.h"

// x264's frames, the picture, the outbox and what libxcb buffers of a reply, besides the framebuffer itself.
#define MEMORY_FIXED (UINT64_C(512) << 20)
#define MEMORY_FRAMES 24u
// Descriptors that are open now stay. New ones fit only where the start has closed its own: Landlock's rule
// set needs one.
#define DESCRIPTORS (STREAMER_SOUND_FD + 1)

static const struct seccomp_rule calls[] = {
    SECCOMP_ALLOW(epoll_wait),
    SECCOMP_ALLOW(epoll_pwait),
    SECCOMP_ALLOW(epoll_ctl),
    SECCOMP_ALLOW(poll), // libxcb
    SECCOMP_ALLOW(ppoll),
    SECCOMP_ALLOW(read),
    SECCOMP_ALLOW(readv),
    SECCOMP_ALLOW(write),
    SECCOMP_ALLOW(writev),
    SECCOMP_ALLOW(recvmsg),
    SECCOMP_ALLOW(recvfrom),
    SECCOMP_ALLOW(sendmsg),
    SECCOMP_ALLOW(sendto),
    SECCOMP_ALLOW(shutdown),
    SECCOMP_ALLOW(close),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_GETFL),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_SETFL),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_GETFD),
    SECCOMP_ALLOW_IF(fcntl, 1, UINT64_MAX, F_SETFD),
    SECCOMP_ALLOW(timerfd_settime),
    SECCOMP_ALLOW(alarm), // the watchdog
    SECCOMP_ALLOW(setitimer),
    CONFINE_CALLS_AT_WORK,
    SECCOMP_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
    SECCOMP_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
    CONFINE_CALLS_NEVER,
    CONFINE_CALLS_NEVER_SEALED,
};

int confinement_enter(const struct streamer_start *start, const char **ret_problem)
{
    struct confine_limit limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
        {RLIMIT_NOFILE, DESCRIPTORS},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_RTPRIO, 0},
#ifndef SANITIZED_BUILD // AddressSanitizer reserves terabytes of address space
        {RLIMIT_AS, MEMORY_FIXED + framebuffer_size(start->width, start->height) * MEMORY_FRAMES},
#endif
    };
    struct confine_policy policy = {.limits = limits,
                                    .limit_count = sizeof(limits) / sizeof(limits[0]),
                                    .calls = calls,
                                    .call_count = sizeof(calls) / sizeof(calls[0])};
    int landlock;
    int error = confine(&policy, &landlock, ret_problem);
    if (error)
        return error;
    (void)start;
    if (landlock == 0)
        log_warning("this kernel has no Landlock: seccomp alone keeps the streamer from files");
    return 0;
}
