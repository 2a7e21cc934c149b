// Runs inside a sandbox: makes system calls with random numbers and arguments, a fixed count of them from a fixed seed, and says how many came
// back, were refused, killed their maker or hung. The host outside is what is under test.
//
// usage: sandbox-fuzz SEED COUNT

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 480 // more than any table has
#define ARGUMENTS 6
#define HANG_MS 40
#define SCRATCH_BYTES 65536
#define GUARD_BYTES (16u << 20) // around the scratch memory, so that a call that writes too much hits nothing

struct progress {
    _Atomic uint64_t next;
    _Atomic uint64_t refused, failed, passed;
};

struct fuzzer {
    uint64_t seed, count;
    struct progress *progress;
    unsigned char *scratch;
    pid_t worker;
};

// splitmix64 of the position, so that a worker goes on where another ended.
static uint64_t number_at(uint64_t seed, uint64_t position, unsigned which)
{
    uint64_t z = seed + (position * (ARGUMENTS * 2 + 1) + which + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t argument(const struct fuzzer *fuzzer, uint64_t position, unsigned which)
{
    static const char *const paths[] = {
        "/",        "/tmp",      "/proc/1/mem", "/proc/self/exe", "/usr/bin/env", "/dev/ptmx",
        "/sandbox", "/tmp/fuzz", "../..",       "/proc/1/root",   "/dev/null",    "/proc/self/fd/0"};
    uint64_t value = number_at(fuzzer->seed, position, which * 2 + 1);
    uint64_t kind = number_at(fuzzer->seed, position, which * 2 + 2);
    switch (kind % 10) {
    case 0:
        return 0;
    case 1:
        return value % 16; // descriptors, small flags
    case 2:
        return UINT64_MAX - value % 4;
    case 3:
        return UINT64_C(1) << value % 64;
    case 4:
        return (uint64_t)(uintptr_t)paths[value % (sizeof(paths) / sizeof(paths[0]))];
    case 5:
    case 6:
        return (uint64_t)(uintptr_t)(fuzzer->scratch + value % (SCRATCH_BYTES / 2));
    case 7:
        return (uint64_t)getpid();
    case 8:
        return value % 4096;
    default:
        return value;
    }
}

// What would only end the fuzzer itself, or wait for ever.
static bool is_pointless(long call)
{
    static const long pointless[] = {SYS_exit,
                                     SYS_exit_group,
                                     SYS_rt_sigreturn,
                                     SYS_pause,
                                     SYS_kill,
                                     SYS_tkill,
                                     SYS_tgkill,
                                     SYS_rt_sigqueueinfo,
                                     SYS_rt_sigsuspend,
                                     SYS_rt_tgsigqueueinfo,
                                     SYS_vfork,
                                     SYS_munmap,
                                     SYS_brk};
    for (size_t i = 0; i < sizeof(pointless) / sizeof(pointless[0]); i++) {
        if (pointless[i] == call)
            return true;
    }
    return false;
}

// A process id of another would hit the parent, which counts.
static bool takes_process(long call)
{
    static const long takers[] = {SYS_prlimit64,         SYS_sched_setscheduler, SYS_sched_setparam,
                                  SYS_sched_setaffinity, SYS_sched_setattr,      SYS_setpgid,
                                  SYS_pidfd_open};
    for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++) {
        if (takers[i] == call)
            return true;
    }
    return false;
}

static void make_call(const struct fuzzer *fuzzer, uint64_t position)
{
    long call = (long)(number_at(fuzzer->seed, position, 0) % CALLS);
    if (is_pointless(call))
        return;
    uint64_t a[ARGUMENTS];
    for (unsigned i = 0; i < ARGUMENTS; i++)
        a[i] = argument(fuzzer, position, i);
    if (takes_process(call))
        a[0] = (uint64_t)fuzzer->worker;
    long result = syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    int error = errno;
    if ((pid_t)syscall(SYS_getpid) != fuzzer->worker)
        syscall(SYS_exit_group, 0); // a child that the call made
    if (result >= 0)
        atomic_fetch_add(&fuzzer->progress->passed, 1);
    else if (error == ENOSYS || error == EPERM || error == EACCES)
        atomic_fetch_add(&fuzzer->progress->refused, 1);
    else
        atomic_fetch_add(&fuzzer->progress->failed, 1);
}

__attribute__((noreturn)) static void work(struct fuzzer *fuzzer)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fuzzer->worker = getpid();
    for (;;) {
        uint64_t position = atomic_fetch_add(&fuzzer->progress->next, 1);
        if (position >= fuzzer->count)
            _exit(0);
        for (unsigned i = 0; i < SCRATCH_BYTES; i += 64)
            fuzzer->scratch[i] = (unsigned char)number_at(fuzzer->seed, position, i);
        make_call(fuzzer, position);
    }
}

// A worker that makes no progress for a while hangs in a call.
static bool wait_for(const struct fuzzer *fuzzer, int pidfd)
{
    for (;;) {
        uint64_t before = atomic_load(&fuzzer->progress->next);
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        if (poll(&ended, 1, HANG_MS) > 0)
            return true;
        if (atomic_load(&fuzzer->progress->next) == before)
            return false;
    }
}

static void run(struct fuzzer *fuzzer)
{
    unsigned workers = 0, killed = 0, hung = 0;
    while (atomic_load(&fuzzer->progress->next) < fuzzer->count && workers < fuzzer->count) {
        workers++;
        pid_t pid = fork();
        if (pid == 0)
            work(fuzzer);
        if (pid < 0)
            continue; // the process limit: what earlier workers left ends by its death signal
        int pidfd = pidfd_open(pid, 0), status;
        if (pidfd < 0 || !wait_for(fuzzer, pidfd)) {
            hung++;
            kill(pid, SIGKILL);
        }
        waitpid(pid, &status, 0);
        killed += WIFSIGNALED(status);
        if (pidfd >= 0)
            close(pidfd);
        while (waitpid(-1, &status, WNOHANG) > 0)
            ;
    }
    printf("seed %llu: %llu calls, %llu passed, %llu refused, %llu failed; %u workers, %u killed, %u hung\n",
           (unsigned long long)fuzzer->seed, (unsigned long long)fuzzer->count,
           (unsigned long long)atomic_load(&fuzzer->progress->passed),
           (unsigned long long)atomic_load(&fuzzer->progress->refused),
           (unsigned long long)atomic_load(&fuzzer->progress->failed), workers, killed, hung);
}

int main(int argc, char **argv)
{
    struct fuzzer fuzzer = {0};
    if (argc != 3)
        return 125;
    fuzzer.seed = strtoull(argv[1], NULL, 10);
    fuzzer.count = strtoull(argv[2], NULL, 10);
    fuzzer.progress =
        mmap(NULL, sizeof(*fuzzer.progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned char *room =
        mmap(NULL, SCRATCH_BYTES + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fuzzer.progress == MAP_FAILED || room == MAP_FAILED)
        return 125;
    fuzzer.scratch = room + GUARD_BYTES;
    if (mprotect(fuzzer.scratch, SCRATCH_BYTES, PROT_READ | PROT_WRITE) < 0)
        return 125;
    run(&fuzzer);
    return 0;
}
