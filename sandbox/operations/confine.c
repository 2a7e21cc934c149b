#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/operations/operations.h"

#define SECUREBITS                                                                                           \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |         \
     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

// Where descriptors are parked while they change places.
#define PARKING_FD 64

int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0)
        return -errno;
    struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, left) < 0)
        return -errno;
    return memcmp(left, none, sizeof(none)) == 0 ? 0 : -EPERM;
}

int operation_capabilities(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    unsigned long capability = 0;
    while (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
        capability++;
    if (errno != EINVAL || capability <= CAP_BPF) // the kernel knows no further one
        return errno == EINVAL ? -EPERM : -errno;
    while (capability > 0) {
        if (prctl(PR_CAPBSET_READ, --capability, 0, 0, 0) != 0)
            return -EPERM;
    }
    if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) < 0)
        return -errno;
    return drop_capabilities();
}

struct limit {
    int resource;
    rlim_t soft, hard;
};

#define LIMIT_ROWS_MAX 10
// A home has no quota (DESIGN.md); no single file of it fills a disk by one call.
#define FILE_BYTES_MAX (UINT64_C(16) << 30)

// RLIMIT_AS is no use for a desktop: browsers reserve terabytes of address space. RLIMIT_NPROC is counted per
// user namespace since Linux 5.14; processes are bounded by the cgroup.
static const struct limit limit_table[][LIMIT_ROWS_MAX] = {
    [LIMITS_DESKTOP] = {{RLIMIT_CORE, 1, 1}, // no core, and no handler of the host either (seccomp_rules.c)
                        {RLIMIT_FSIZE, FILE_BYTES_MAX, FILE_BYTES_MAX},
                        {RLIMIT_NOFILE, 4096, 65536},
                        {RLIMIT_MEMLOCK, 8u << 20, 8u << 20},
                        {RLIMIT_MSGQUEUE, 819200, 819200},
                        {RLIMIT_NICE, 0, 0},
                        {RLIMIT_RTPRIO, 0, 0},
                        {RLIMIT_SIGPENDING, 4096, 4096},
                        {RLIMIT_STACK, 8u << 20, 64u << 20}},
    [LIMITS_CODE] = {{RLIMIT_CORE, 1, 1},
                     {RLIMIT_FSIZE, FILE_BYTES_MAX, FILE_BYTES_MAX},
                     {RLIMIT_NOFILE, 1024, 4096},
                     {RLIMIT_MEMLOCK, 64u << 10, 64u << 10},
                     {RLIMIT_MSGQUEUE, 0, 0},
                     {RLIMIT_NICE, 0, 0},
                     {RLIMIT_RTPRIO, 0, 0},
                     {RLIMIT_SIGPENDING, 1024, 1024},
                     {RLIMIT_STACK, 8u << 20, 64u << 20}},
    [LIMITS_STREAMER] = {{RLIMIT_CORE, 0, 0},
                         {RLIMIT_NOFILE, 64, 64},
                         {RLIMIT_MEMLOCK, 0, 0},
                         {RLIMIT_MSGQUEUE, 0, 0},
                         {RLIMIT_NICE, 0, 0},
                         {RLIMIT_RTPRIO, 0, 0},
                         {RLIMIT_SIGPENDING, 256, 256},
                         {RLIMIT_STACK, 8u << 20, 8u << 20}},
};

// A limit that the service itself lives under is kept: raising it needs CAP_SYS_RESOURCE.
static int set_limit(const struct limit *limit)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)limit->resource, &now) < 0)
        return -errno;
    rlim_t hard = limit->hard < now.rlim_max ? limit->hard : now.rlim_max;
    struct rlimit wanted = {.rlim_cur = limit->soft < hard ? limit->soft : hard, .rlim_max = hard};
    return setrlimit((__rlimit_resource_t)limit->resource, &wanted) < 0 ? -errno : 0;
}

int operation_limits(struct run *run, const struct operation *operation)
{
    (void)run;
    const struct limit *table = limit_table[operation->number];
    for (size_t i = 0; i < LIMIT_ROWS_MAX; i++) {
        bool used = table[i].resource != 0 || table[i].hard != 0; // RLIMIT_CPU is 0 and unused
        int error = used ? set_limit(&table[i]) : 0;
        if (error)
            return error;
    }
    return 0;
}

int operation_process_limit(struct run *run, const struct operation *operation)
{
    (void)run;
    struct limit limit = {RLIMIT_NPROC, (rlim_t)operation->number, (rlim_t)operation->number};
    return set_limit(&limit);
}

int operation_memory_limit(struct run *run, const struct operation *operation)
{
    (void)run;
    struct limit limit = {RLIMIT_DATA, (rlim_t)operation->number, (rlim_t)operation->number};
    return set_limit(&limit);
}

int operation_directory_change(struct run *run, const struct operation *operation)
{
    (void)run;
    return (!operation->target || chdir(operation->target) < 0) && chdir(operation->data) < 0 ? -errno : 0;
}

int operation_no_new_privileges(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

// Above every place, so that no move overwrites a descriptor that is still to be moved.
static int park(int fd)
{
    int parked = fcntl(fd, F_DUPFD_CLOEXEC, PARKING_FD);
    if (parked < 0)
        return errno == EINVAL ? -EMFILE : -errno; // the limit lies below that number
    return parked;
}

int operation_descriptors(struct run *run, const struct operation *operation)
{
    (void)operation;
    const struct launch *launch = run->launch;
    struct launch_descriptor moves[LAUNCH_DESCRIPTORS_MAX + 3] = {
        {launch->standard[0], 0}, {launch->standard[1], 1}, {launch->standard[2], 2}};
    memcpy(moves + 3, launch->descriptors, sizeof(*moves) * launch->descriptor_count);
    size_t count = launch->descriptor_count + 3;

    int setup = park(run->setup);
    if (setup < 0)
        return setup;
    for (size_t i = 0; i < count; i++) {
        moves[i].fd = park(moves[i].fd);
        if (moves[i].fd < 0)
            return moves[i].fd;
    }
    int last = 2;
    for (size_t i = 0; i < count; i++) {
        if (dup2(moves[i].fd, moves[i].place) < 0)
            return -errno;
        last = moves[i].place > last ? moves[i].place : last;
    }
    run->setup = setup;
    return close_range((unsigned)last + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

int operation_exec(struct run *run, const struct operation *operation)
{
    const struct plan *plan = run->launch->plan;
    execve(operation->target, (char *const *)plan->arguments, (char *const *)plan->environment);
    return -errno;
}
