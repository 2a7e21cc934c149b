// What the kernel alone takes: start and end of /usr/bin/true in each namespace by itself, in all of them, and then with what a container can't
// do without, one thing after the other. Nothing of ours is in it but the system calls: the program is started as vfork does. In turns.
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
#include "lib/cleanup.h"
#include "sandbox/plan_tables.h"

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

static void print(long rounds)
{
    double base = 0, base_fast = 0;
    printf("| start and end of %s in new namespaces | 10 %% ms | median ms | x posix_spawn | of the fastest "
           "tenths |\n|---|---|---|---|---|\n",
           DIRECT_PROGRAM);
    for (size_t i = 0; i < COUNT; i++) {
        qsort(rows[i].ms, (size_t)rounds, sizeof(double), direct_compare);
        double fast = rows[i].ms[rounds / 10], median = rows[i].ms[rounds / 2];
        base = i == 0 ? median : base;
        base_fast = i == 0 ? fast : base_fast;
        printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", rows[i].name, fast, median, median / base,
               fast / base_fast);
        free(rows[i].ms);
    }
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    if (rounds < 1 || rounds > ROUNDS_MAX || geteuid() != 0)
        return EXIT_FAILURE;
    for (size_t i = 0; i < COUNT; i++)
        rows[i].ms = calloc((size_t)rounds, sizeof(double));
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < COUNT; i++)
            rows[i].ms[round] = measure(&rows[i]);
    }
    print(rounds);
    return EXIT_SUCCESS;
}
