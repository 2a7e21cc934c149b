// sandbox-tick: that it ticks while every processor is wanted and else does not, what it holds and may do, and that it lives as long as sandboxd.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/tick.h"
#include "tests/harness/sandboxd_fixture.h"

#define THREADS_MAX 1025
#define TICKS 200
#define SAMPLES 5
#define PAUSE_MS 10
#define QUIET "0.00 0.00 0.00 00001/100 4242\n"
#define WANTED "0.00 0.00 0.00 99999/100 4242\n"

static enum sandboxd_mode mode;

struct tick {
    pid_t pid;
    int pidfd;
    int load; // one that it is started with by the test itself
    int life;
    struct timespec deadline;
};

static void watch(struct tick *tick, pid_t pid)
{
    *tick = (struct tick){.pid = pid, .pidfd = pidfd_open(pid, 0), .load = -1, .life = -1};
    assert_true(tick->pidfd >= 0);
    clock_gettime(CLOCK_MONOTONIC, &tick->deadline);
    tick->deadline.tv_sec += sandboxd_deadline_ms() / 1000;
}

static void forget(struct tick *tick)
{
    cleanup_fd(&tick->pidfd);
    cleanup_fd(&tick->load);
    cleanup_fd(&tick->life);
}

// For what is still to come of a process that lives.
static void wait_a_little(const struct tick *tick)
{
    struct pollfd ended = {.fd = tick->pidfd, .events = POLLIN};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(now.tv_sec <= tick->deadline.tv_sec);
    assert_int_equal(poll(&ended, 1, PAUSE_MS), 0);
}

static void expect_end(const struct tick *tick)
{
    struct pollfd ended = {.fd = tick->pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, sandboxd_deadline_ms()), 1);
}

static char *read_status(pid_t pid, const char *thread)
{
    char path[64];
    char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", (int)pid, thread);
    assert_int_equal(read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
    return text;
}

static bool has(const char *status, const char *line)
{
    return strstr(status, line);
}

// How often its threads have gone to sleep: the first one, which takes the samples, and all others.
struct counts {
    uint64_t samples;
    uint64_t ticks[THREADS_MAX];
    unsigned threads;
};

static struct counts count(const struct tick *tick)
{
    static const char key[] = "\nvoluntary_ctxt_switches:\t";
    struct counts counts = {0};
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)tick->pid);
    DIR *threads = opendir(path);
    assert_non_null(threads);
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.')
            continue;
        AUTO_FREE char *status = read_status(tick->pid, entry->d_name);
        const char *found = strstr(status, key);
        assert_non_null(found);
        uint64_t number = strtoull(found + strlen(key), NULL, 10);
        if (strtol(entry->d_name, NULL, 10) == tick->pid)
            counts.samples = number;
        else if (counts.threads < THREADS_MAX)
            counts.ticks[counts.threads++] = number;
    }
    closedir(threads);
    return counts;
}

static void wait_until_confined(const struct tick *tick)
{
    char thread[16];
    snprintf(thread, sizeof(thread), "%d", (int)tick->pid);
    for (bool confined = false; !confined;) {
        AUTO_FREE char *status = read_status(tick->pid, thread);
        confined = has(status, "\nSeccomp:\t2\n");
        if (!confined)
            wait_a_little(tick);
    }
}

static void wait_until_it_ticks(const struct tick *tick)
{
    struct counts before = count(tick);
    assert_int_equal(before.threads, sysconf(_SC_NPROCESSORS_ONLN));
    for (bool all = false; !all;) {
        wait_a_little(tick);
        struct counts now = count(tick);
        all = true;
        for (unsigned i = 0; i < now.threads; i++)
            all &= now.ticks[i] >= before.ticks[i] + TICKS;
    }
}

// No thread wakes up while several samples are taken.
static void wait_until_it_is_quiet(const struct tick *tick)
{
    struct counts before = count(tick), now = before;
    while (now.samples < before.samples + SAMPLES) {
        wait_a_little(tick);
        now = count(tick);
        if (memcmp(now.ticks, before.ticks, sizeof(now.ticks)) != 0)
            before = now;
    }
}

static void set_load(int load, const char *text)
{
    assert_int_equal(pwrite(load, text, strlen(text), 0), strlen(text));
}

// Without a sandboxd, and with a load that the test tells it: what else this machine does is of no account.
static void start_alone(struct tick *tick, const char *period)
{
    char program[512];
    int life[2];
    int load = memfd_create("loadavg", MFD_CLOEXEC);
    assert_true(load >= 0 && pipe2(life, O_CLOEXEC) == 0);
    set_load(load, QUIET);
    snprintf(program, sizeof(program), "%s/bin/sandbox-tick", getenv("PROGRAMS"));
    pid_t pid = fork();
    if (pid == 0) {
        int life_copy = fcntl(life[0], F_DUPFD, 10), load_copy = fcntl(load, F_DUPFD, 10);
        dup2(life_copy, TICK_LIFE_FD);
        dup2(load_copy, TICK_LOAD_FD);
        close_range(TICK_LOAD_FD + 1, ~0u, 0);
        execl(program, "sandbox-tick", period, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    close(life[0]);
    watch(tick, pid);
    tick->load = load;
    tick->life = life[1];
}

static int reap(const struct tick *tick)
{
    int status;
    assert_int_equal(waitpid(tick->pid, &status, 0), tick->pid);
    return status;
}

static void ticks_only_while_every_processor_is_wanted(void **state)
{
    (void)state;
    struct tick tick;
    start_alone(&tick, "500");
    wait_until_confined(&tick);
    wait_until_it_is_quiet(&tick);
    for (int round = 0; round < 2; round++) {
        set_load(tick.load, WANTED);
        wait_until_it_ticks(&tick);
        set_load(tick.load, QUIET);
        wait_until_it_is_quiet(&tick);
    }
    close(tick.life);
    tick.life = -1;
    int status = reap(&tick);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    forget(&tick);
}

static void ends_when_the_load_is_none(void **state)
{
    (void)state;
    struct tick tick;
    start_alone(&tick, "500");
    wait_until_confined(&tick);
    set_load(tick.load, "nonsense");
    int status = reap(&tick);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    forget(&tick);
}

static void refuses_a_wrong_period(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "99", "10001", "500x", "-500"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct tick tick;
        start_alone(&tick, wrong[i]);
        int status = reap(&tick);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        forget(&tick);
    }
}

static bool is_named(const char *pid, const char *name)
{
    char path[64];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
    return read_file_at(AT_FDCWD, path, 64, &text, NULL) == 0 && strncmp(text, name, strlen(name)) == 0 &&
           text[strlen(name)] == '\n';
}

// Of that name, among the children of this sandboxd. 0: none.
static pid_t child_named(const struct sandboxd_fixture *f, const char *name)
{
    char path[64];
    AUTO_FREE char *children = NULL;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)f->pid, (int)f->pid);
    assert_int_equal(read_file_at(AT_FDCWD, path, 65536, &children, NULL), 0);
    char *rest = children;
    for (char *pid; (pid = strsep(&rest, " "));) {
        if (*pid && is_named(pid, name))
            return (pid_t)strtol(pid, NULL, 10);
    }
    return 0;
}

static void find(const struct sandboxd_fixture *f, pid_t other, struct tick *tick)
{
    struct tick daemon;
    watch(&daemon, f->pid);
    pid_t pid;
    while ((pid = child_named(f, "sandbox-tick")) == 0 || pid == other)
        wait_a_little(&daemon);
    forget(&daemon);
    watch(tick, pid);
    wait_until_confined(tick);
}

static void start(struct sandboxd_fixture *f, struct tick *tick)
{
    sandboxd_prepare(f, mode);
    sandboxd_start(f);
    find(f, 0, tick);
}

static void expect_powerless(const struct tick *tick, uid_t uid)
{
    static const char *const lines[] = {"\nNoNewPrivs:\t1\n",
                                        "\nSeccomp:\t2\n",
                                        "\nCapInh:\t0000000000000000\n",
                                        "\nCapPrm:\t0000000000000000\n",
                                        "\nCapEff:\t0000000000000000\n",
                                        "\nCapAmb:\t0000000000000000\n"};
    char path[64], ids[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)tick->pid);
    snprintf(ids, sizeof(ids), "\nUid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
    DIR *threads = opendir(path);
    assert_non_null(threads);
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.')
            continue;
        AUTO_FREE char *status = read_status(tick->pid, entry->d_name);
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
            assert_non_null(strstr(status, lines[i]));
        assert_non_null(strstr(status, ids));
    }
    closedir(threads);
}

static void expect_descriptor(pid_t pid, int fd, const char *target)
{
    char path[64], link[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    ssize_t length = readlink(path, link, sizeof(link) - 1);
    if (!target)
        assert_int_equal(length, -1);
    else
        assert_memory_equal(link, target, strlen(target));
}

static char *group_of(pid_t pid)
{
    char path[64];
    char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    assert_int_equal(read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
    return text;
}

static void has_nothing_but_what_it_needs(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick tick;
    start(&f, &tick);
    expect_powerless(&tick, mode == SANDBOXD_DELEGATED ? f.uid_base + (1u << 21) - 3 : f.uid);
    AUTO_FREE char *own = group_of(tick.pid), *daemon = group_of(f.pid);
    assert_string_equal(own, daemon);
    if (geteuid() == 0) {
        expect_descriptor(tick.pid, 0, "/dev/null");
        expect_descriptor(tick.pid, 1, "/dev/null");
        expect_descriptor(tick.pid, TICK_LIFE_FD, "pipe:");
        expect_descriptor(tick.pid, TICK_LOAD_FD, "/proc/loadavg");
        for (int fd = TICK_LOAD_FD + 1; fd < 1024; fd++)
            expect_descriptor(tick.pid, fd, NULL);
    }
    forget(&tick);
    sandboxd_finish(&f);
}

static void ticks_while_this_machine_is_wanted(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick tick;
    start(&f, &tick);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    pid_t spinning[THREADS_MAX];
    assert_true(processors < THREADS_MAX);
    for (long i = 0; i <= processors; i++) {
        spinning[i] = fork();
        if (spinning[i] == 0)
            for (;;)
                ;
        assert_true(spinning[i] > 0);
    }
    wait_until_it_ticks(&tick);
    for (long i = 0; i <= processors; i++) {
        kill(spinning[i], SIGKILL);
        waitpid(spinning[i], NULL, 0);
    }
    forget(&tick);
    sandboxd_finish(&f);
}

static void is_started_again_when_it_is_killed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick first, second;
    start(&f, &first);
    assert_int_equal(kill(first.pid, SIGKILL), 0);
    expect_end(&first);
    find(&f, first.pid, &second);
    forget(&first);
    forget(&second);
    sandboxd_finish(&f);
}

static void ends_with_sandboxd(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick tick;
    start(&f, &tick);
    sandboxd_kill(&f);
    expect_end(&tick);
    forget(&tick);
    sandboxd_start(&f);
    find(&f, 0, &tick);
    assert_int_equal(kill(tick.pid, SIGSTOP), 0); // whatever state it is in
    sandboxd_stop(&f);
    struct pollfd ended = {.fd = tick.pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 0), 1);
    forget(&tick);
    sandboxd_finish(&f);
}

// sandboxd's children have executed what they are for, and none of that is a tick.
static void is_not_there_when_nobody_wants_it(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick daemon;
    sandboxd_prepare(&f, mode);
    sandboxd_set(&f, "SANDBOX_TICK_US=0");
    sandboxd_start(&f);
    watch(&daemon, f.pid);
    while (child_named(&f, "sandbox-egress") == 0 || child_named(&f, "sandboxd"))
        wait_a_little(&daemon);
    assert_int_equal(child_named(&f, "sandbox-tick"), 0);
    forget(&daemon);
    sandboxd_stop(&f);
    sandboxd_set(&f, "SANDBOX_TICK_US=99");
    assert_int_equal(sandboxd_start_refused(&f), 1);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(ticks_only_while_every_processor_is_wanted),
        cmocka_unit_test(ends_when_the_load_is_none),
        cmocka_unit_test(refuses_a_wrong_period),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_nothing_but_what_it_needs),
        cmocka_unit_test(ticks_while_this_machine_is_wanted),
        cmocka_unit_test(is_started_again_when_it_is_killed),
        cmocka_unit_test(ends_with_sandboxd),
        cmocka_unit_test(is_not_there_when_nobody_wants_it),
    };
    sandboxd_choose_tests();
    int failed = cmocka_run_group_tests_name("alone", alone, NULL, NULL);
    return failed + sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
