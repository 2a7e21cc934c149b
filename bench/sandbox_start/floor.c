// Where a start goes. What the kernel alone takes: start and end of /usr/bin/true in each namespace by itself, in all of them, and then with what
// a sandbox can't do without, one thing after the other; nothing of ours is in it but the system calls, the program is started as vfork does. And
// what each layer takes: the executor without it. In turns.
//   sandbox_start_floor [ROUNDS]

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parked/direct.h"
#include "bench/sandbox_start/executor.h"
#include "lib/cleanup.h"
#include "sandbox/plan/tables.h"

#define ROUNDS 200
#define ROUNDS_MAX 10000
#define STACK (64u * 1024)

#define STEP_INIT 1u     // the program runs beneath a pid 1
#define STEP_LOOPBACK 2u // lo is up
#define STEP_PROC 4u     // a proc of its own
#define STEP_MASKS 8u    // what of it is masked in a sandbox

#define ALL                                                                                                  \
    (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |               \
     CLONE_NEWCGROUP)

static struct row {
    const char *name;
    int flags;
    unsigned steps;
    double *ms;
} rows[] = {
    {"posix_spawn", -1, 0, NULL},
    {"clone, no namespace", 0, 0, NULL},
    {"user", CLONE_NEWUSER, 0, NULL},
    {"pid", CLONE_NEWPID, 0, NULL},
    {"mount", CLONE_NEWNS, 0, NULL},
    {"network", CLONE_NEWNET, 0, NULL},
    {"ipc", CLONE_NEWIPC, 0, NULL},
    {"uts", CLONE_NEWUTS, 0, NULL},
    {"cgroup", CLONE_NEWCGROUP, 0, NULL},
    {"all but the network", ALL & ~CLONE_NEWNET, 0, NULL},
    {"all", ALL, 0, NULL},
    {"all, below a pid 1", ALL, STEP_INIT, NULL},
    {"and lo up", ALL, STEP_INIT | STEP_LOOPBACK, NULL},
    {"and a proc of its own", ALL, STEP_INIT | STEP_LOOPBACK | STEP_PROC, NULL},
    {"and its masks", ALL, STEP_INIT | STEP_LOOPBACK | STEP_PROC | STEP_MASKS, NULL},
};
#define COUNT (sizeof(rows) / sizeof(rows[0]))

#define KINDS_MAX 4
static struct part {
    const char *name;
    enum operation_kind kinds[KINDS_MAX];
    size_t count;
    struct executor executor;
    double *ms;
} parts[] = {
    {.name = "every layer"},
    {.name = "masks", .kinds = {OPERATION_MASKING, OPERATION_MASK, OPERATION_MASKED}, .count = 3},
    {.name = "own network", .kinds = {OPERATION_NETWORK, OPERATION_LOOPBACK}, .count = 2},
    {.name = "control groups", .kinds = {OPERATION_CGROUPS, OPERATION_CGROUP_NAMESPACE}, .count = 2},
    {.name = "sysctl: its limits, read-only", .kinds = {OPERATION_SYSCTL, OPERATION_READ_ONLY}, .count = 2},
    {.name = "seccomp", .kinds = {OPERATION_SECCOMP}, .count = 1},
    {.name = "Landlock", .kinds = {OPERATION_LANDLOCK}, .count = 1},
    {.name = "capabilities", .kinds = {OPERATION_CAPABILITIES}, .count = 1},
    {.name = "rlimits", .kinds = {OPERATION_LIMITS}, .count = 1},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool raise_loopback(void)
{
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

// As operation_mask does it, over the host's /usr/bin in place of an empty directory.
static bool mask_all(void)
{
    for (size_t i = 0; i < plan_proc_count; i++) {
        struct stat status;
        char path[64];
        snprintf(path, sizeof(path), "/%s", plan_proc_table[i].target);
        if (lstat(path, &status) < 0)
            continue;
        bool directory = S_ISDIR(status.st_mode);
        if (!directory && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
            continue;
        if (mount(directory ? "/usr/bin" : "/dev/null", path, NULL, MS_BIND, NULL) < 0)
            return false;
    }
    return true;
}

static int execute(void *data)
{
    char *const words[] = {(char *)DIRECT_PROGRAM, NULL};
    (void)data;
    execve(DIRECT_PROGRAM, words, (char *const[]){NULL});
    _exit(EXIT_FAILURE);
}

// The kernel's namespaces are made by now. It shares memory with who started it, who waits until it executes or ends.
static int begin(void *data)
{
    static _Alignas(16) char stack[STACK];
    const struct row *row = data;
    if ((row->steps & STEP_LOOPBACK && !raise_loopback()) ||
        (row->steps & STEP_PROC && mount("proc", "/proc", "proc", 0, NULL) < 0) ||
        (row->steps & STEP_MASKS && !mask_all()))
        _exit(EXIT_FAILURE);
    if (!(row->steps & STEP_INIT))
        execute(NULL);
    int status = EXIT_FAILURE;
    pid_t pid = clone(execute, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        _exit(EXIT_FAILURE);
    _exit(status == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static double measure(struct row *row)
{
    static _Alignas(16) char stack[STACK];
    if (row->flags < 0)
        return direct_spawn();
    uint64_t began = direct_now_ns();
    int status = EXIT_FAILURE;
    pid_t pid = clone(begin, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD | row->flags, row);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "%s: failed\n", row->name);
        exit(EXIT_FAILURE);
    }
    return (double)(direct_now_ns() - began) / 1e6;
}

static bool prepare(long rounds)
{
    for (size_t i = 0; i < COUNT; i++)
        rows[i].ms = calloc((size_t)rounds, sizeof(double));
    for (size_t i = 0; i < PARTS; i++) {
        struct executor *executor = &parts[i].executor;
        parts[i].ms = calloc((size_t)rounds, sizeof(double));
        if (!executor_prepare(executor, NULL))
            return false;
        executor_leave_out(executor, parts[i].kinds, parts[i].count);
        if (parts[i].kinds[0] == OPERATION_CGROUPS)
            executor->cgroups.backend = CGROUP_NONE; // none are made
    }
    return true;
}

static double measure_part(struct part *part)
{
    uint64_t began = direct_now_ns();
    if (!executor_run(&part->executor)) {
        fprintf(stderr, "without %s: failed\n", part->name);
        exit(EXIT_FAILURE);
    }
    return (double)(direct_now_ns() - began) / 1e6;
}

struct time {
    double fast, median;
};

static struct time time_of(double *ms, long rounds)
{
    qsort(ms, (size_t)rounds, sizeof(double), direct_compare);
    return (struct time){.fast = ms[rounds / 10], .median = ms[rounds / 2]};
}

static void print(long rounds)
{
    struct time base = time_of(rows[0].ms, rounds), every = time_of(parts[0].ms, rounds);
    printf("| start and end of %s in new namespaces | 10 %% ms | median ms | x posix_spawn | of the fastest "
           "tenths |\n|---|---|---|---|---|\n",
           DIRECT_PROGRAM);
    for (size_t i = 0; i < COUNT; i++) {
        struct time time = time_of(rows[i].ms, rounds);
        printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", rows[i].name, time.fast, time.median,
               time.median / base.median, time.fast / base.fast);
    }
    printf("| executor, every layer | %.2f | %.2f | %.2f | %.2f |\n", every.fast, every.median,
           every.median / base.median, every.fast / base.fast);
    printf(
        "\n| what the executor gains without | 10 %% ms | median ms | of posix_spawn | of the fastest tenths "
        "|\n|---|---|---|---|---|\n");
    for (size_t i = 1; i < PARTS; i++) {
        struct time time = time_of(parts[i].ms, rounds);
        printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", parts[i].name, every.fast - time.fast,
               every.median - time.median, (every.median - time.median) / base.median,
               (every.fast - time.fast) / base.fast);
    }
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    if (rounds < 1 || rounds > ROUNDS_MAX || geteuid() != 0 || !prepare(rounds))
        return EXIT_FAILURE;
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < COUNT; i++)
            rows[i].ms[round] = measure(&rows[i]);
        for (size_t i = 0; i < PARTS; i++)
            parts[i].ms[round] = measure_part(&parts[i]);
    }
    print(rounds);
    return EXIT_SUCCESS;
}
