#include "sandbox/tick/confinement.h"

#include <unistd.h>

#include "lib/confine.h"
#include "lib/confine_calls.h"
#include "lib/log.h"
#include "lib/tick.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct seccomp_rule ticker_calls[] = {
    CONFINE_CALLS_AT_WORK,
    SECCOMP_ALLOW(clock_nanosleep),
    CONFINE_CALLS_NEVER,
    CONFINE_CALLS_NEVER_SEALED,
};

static const struct seccomp_rule watcher_calls[] = {
    CONFINE_CALLS_AT_WORK,
    SECCOMP_ALLOW(poll),
    SECCOMP_ALLOW(ppoll), // poll() where there is no such call
    SECCOMP_ALLOW_IF(pread64, 0, UINT64_MAX, TICK_LOAD_FD),
    SECCOMP_ALLOW_IF(write, 0, UINT64_MAX, STDERR_FILENO),
    CONFINE_CALLS_NEVER,
    CONFINE_CALLS_NEVER_SEALED,
};

static const struct confine_limit limits[] = {
    {RLIMIT_CORE, 0},
    {RLIMIT_NPROC, 0},
    {RLIMIT_MEMLOCK, 0},
    {RLIMIT_MSGQUEUE, 0},
    {RLIMIT_RTPRIO, 0},
    // Last: only the watcher sets it, when the others need none for their Landlock any more. It needs one for its own.
    {RLIMIT_NOFILE, TICK_LOAD_FD + 2},
};

int confinement_of_ticker(const char **ret_problem)
{
    int landlock;
    struct confine_policy policy = {.limits = limits,
                                    .limit_count = COUNT(limits) - 1,
                                    .calls = ticker_calls,
                                    .call_count = COUNT(ticker_calls)};
    return confine(&policy, &landlock, ret_problem);
}

int confinement_of_watcher(const char **ret_problem)
{
    int landlock;
    struct confine_policy policy = {.limits = limits,
                                    .limit_count = COUNT(limits),
                                    .calls = watcher_calls,
                                    .call_count = COUNT(watcher_calls)};
    int error = confine(&policy, &landlock, ret_problem);
    if (!error && landlock == 0)
        log_warning("this kernel has no Landlock: seccomp alone keeps the tick from files");
    return error;
}
