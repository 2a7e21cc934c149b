// Start and end of /usr/bin/true: the executor of sandboxd and sandbox-run with every layer, sandbox-run itself, and other tools, each against
// posix_spawn of the same program in the same minute. Rounds alternate, so that all meet the same machine.
//   sandbox_start [ROUNDS] [SANDBOX_RUN] [PART]     PART: of a row's name; only such rows and posix_spawn

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/parked/direct.h"
#include "bench/sandbox_start/executor.h"
#include "lib/cleanup.h"

#define ROUNDS 200
#define ROUNDS_MAX 10000

static const char *const program[] = {"/usr/bin/true", NULL};
static const char *const bubblewrap[] = {"/usr/bin/bwrap",
                                         "--unshare-all",
                                         "--die-with-parent",
                                         "--new-session",
                                         "--ro-bind",
                                         "/usr",
                                         "/usr",
                                         "--symlink",
                                         "usr/bin",
                                         "/bin",
                                         "--symlink",
                                         "usr/lib",
                                         "/lib",
                                         "--symlink",
                                         "usr/lib64",
                                         "/lib64",
                                         "--proc",
                                         "/proc",
                                         "--dev",
                                         "/dev",
                                         "--tmpfs",
                                         "/tmp",
                                         "--",
                                         "/usr/bin/true",
                                         NULL};
static const char *const unshare_words[] = {"/usr/bin/unshare", "-Urmnpfiu",     "-C",
                                            "--mount-proc",     "/usr/bin/true", NULL};
static const char *sandbox_run[] = {"sandbox-run", "--", "/usr/bin/true", NULL};
static char bundle[64];
static const char *crun_words[] = {"/usr/bin/crun", "--cgroup-manager=disabled", "run", "-b",
                                   bundle,          "sandbox-start-bench",       NULL};
static const char *runc_words[] = {"/usr/sbin/runc", "run", "-b", bundle, "sandbox-start-bench", NULL};
static int only_cgroup2 =
    -1; // a mount namespace for crun 1.8, which knows nothing of both kinds beside each other

static struct executor every_layer;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool spawn_and_wait(const char *const *words)
{
    extern char **environ;
    pid_t pid;
    int status;
    return posix_spawn(&pid, words[0], NULL, NULL, (char *const *)words, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool spawn_for_crun(const char *const *words)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (only_cgroup2 < 0 || setns(only_cgroup2, CLONE_NEWNS) == 0)
            execv(words[0], (char *const *)words);
        _exit(EXIT_FAILURE);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool executor(const char *const *words)
{
    (void)words;
    return executor_run(&every_layer);
}

// The same as the spawner makes it: built, claimed for the command, cleared away.
static struct cgroup_stock stock, stock_of_groups;
static struct direct plain_park, fresh_network, pooled_groups, pooled;

static bool spawned(struct direct *direct)
{
    direct_park(direct, "run-bench-park");
    direct_claim(direct, false);
    direct_clean(direct);
    return true;
}

static bool spawner_plain(const char *const *words)
{
    (void)words;
    return spawned(&plain_park);
}

static bool spawner_fresh(const char *const *words)
{
    (void)words;
    return spawned(&fresh_network);
}

static bool spawner_pooled_groups(const char *const *words)
{
    (void)words;
    return spawned(&pooled_groups);
}

static bool spawner_pooled(const char *const *words)
{
    (void)words;
    return spawned(&pooled);
}

static struct contender {
    const char *name;
    const char *const *words;
    bool (*run)(const char *const *words);
    bool failed;
    double *ms; // NULL: left out
} contenders[] = {
    {"posix_spawn", program, spawn_and_wait, false, NULL},
    {"executor, every layer", program, executor, false, NULL},
    {"spawner, every layer, from the host's files", program, spawner_plain, false, NULL},
    {"spawner, from a foundation, fresh network", program, spawner_fresh, false, NULL},
    {"spawner, from a foundation, fresh network, groups of the stock", program, spawner_pooled_groups, false,
     NULL},
    {"spawner, from a foundation, network and groups of the stock", program, spawner_pooled, false, NULL},
    {"sandbox-run, every layer", sandbox_run, spawn_and_wait, false, NULL},
    {"unshare, namespaces only", unshare_words, spawn_and_wait, false, NULL},
    {"bubblewrap", bubblewrap, spawn_and_wait, false, NULL},
    {"crun", crun_words, spawn_for_crun, false, NULL},
    {"runc", runc_words, spawn_and_wait, false, NULL},
};
#define CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void hide_cgroup1(void)
{
    static const char group2[] = "/sys/fs/cgroup/unified";
    pid_t pid;
    char path[32];
    int ready[2];
    if (access(group2, F_OK) < 0 || pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0)
        return;
    if (pid == 0) {
        bool hidden = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                      mount(group2, "/sys/fs/cgroup", NULL, MS_BIND, NULL) == 0;
        if (hidden && write(ready[1], "", 1) == 1)
            pause();
        _exit(EXIT_FAILURE);
    }
    close(ready[1]);
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    if (read(ready[0], path + sizeof(path) - 1, 1) == 1)
        only_cgroup2 = open(path, O_RDONLY | O_CLOEXEC);
    close(ready[0]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

// The default configuration of crun and runc, with the program and without a terminal.
static void prepare_bundle(void)
{
    char command[512];
    snprintf(bundle, sizeof(bundle), "%s", "/tmp/sandbox-start-XXXXXX");
    if (!mkdtemp(bundle))
        return;
    snprintf(
        command, sizeof(command),
        "cd %s && mkdir rootfs && crun spec && "
        "sed -i 's/\"terminal\": true/\"terminal\": false/; s/\"sh\"/\"\\/usr\\/bin\\/true\"/' config.json "
        "&& "
        "python3 - <<'X'\nimport json\nc = json.load(open('config.json'))\n"
        "b = lambda s: {'destination': s, 'source': s, 'type': 'bind', 'options': ['rbind', 'ro']}\n"
        "c['mounts'] = [b('/usr'), b('/lib'), b('/lib64')] + c['mounts']\nc['root']['readonly'] = False\n"
        "json.dump(c, open('config.json', 'w'))\nX",
        bundle);
    const char *const words[] = {"/bin/sh", "-c", command, NULL};
    spawn_and_wait(words);
}

static void print(long rounds)
{
    printf("| start and end of /usr/bin/true | 10 %% ms | median ms | 90 %% ms | x posix_spawn | of the "
           "fastest tenths |\n|---|---|---|---|---|---|\n");
    double base = 0, base_fast = 0;
    for (size_t i = 0; i < CONTENDERS; i++) {
        if (!contenders[i].ms)
            continue;
        qsort(contenders[i].ms, (size_t)rounds, sizeof(double), compare);
        double median = contenders[i].ms[rounds / 2];
        double fast = contenders[i].ms[rounds / 10];
        base = i == 0 ? median : base;
        base_fast = i == 0 ? fast : base_fast;
        if (contenders[i].failed)
            printf("| %s | failed | | | | |\n", contenders[i].name);
        else
            printf("| %s | %.2f | %.2f | %.2f | %.1f | %.1f |\n", contenders[i].name, fast, median,
                   contenders[i].ms[rounds * 9 / 10], median / base, fast / base_fast);
        free(contenders[i].ms);
    }
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    if (rounds < 1 || rounds > ROUNDS_MAX || !executor_prepare(&every_layer, stderr))
        return EXIT_FAILURE;
    if (argc > 2)
        sandbox_run[0] = argv[2];
    direct_prepare(&plain_park, false);
    direct_prepare(&fresh_network, true);
    direct_prepare(&pooled, true);
    direct_stock(&pooled, "run-bench-", &stock);
    direct_prepare(&pooled_groups, true);
    pooled_groups.fresh_network = true;
    direct_stock(&pooled_groups, "run-bench-g", &stock_of_groups);
    prepare_bundle();
    hide_cgroup1();
    for (size_t i = 0; i < CONTENDERS; i++) {
        if (i == 0 || argc < 4 || strstr(contenders[i].name, argv[3]))
            contenders[i].ms = calloc((size_t)rounds, sizeof(double));
    }
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < CONTENDERS; i++) {
            if (!contenders[i].ms)
                continue;
            if (contenders[i].run == spawner_pooled_groups)
                direct_tend(&pooled_groups);
            if (contenders[i].run == spawner_pooled)
                direct_tend(&pooled);
            uint64_t began = now_ns();
            if (!contenders[i].failed && !contenders[i].run(contenders[i].words))
                contenders[i].failed = true;
            contenders[i].ms[round] = (double)(now_ns() - began) / 1e6;
        }
    }
    print(rounds);
    cgroup_stock_finish(&stock);
    cgroup_stock_finish(&stock_of_groups);
    const char *const words[] = {"/bin/rm", "-rf", bundle, NULL};
    spawn_and_wait(words);
    return EXIT_SUCCESS;
}
