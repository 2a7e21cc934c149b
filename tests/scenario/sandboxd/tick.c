// sandbox-tick as sandboxd starts it: what it holds and may do, and that it lives as long as sandboxd.
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
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/tick.h"
#include "tests/harness/sandboxd_fixture.h"
#include "tests/scenario/sandboxd/tick_process.h"

#define PROCESSORS_MAX 1024

static enum sandboxd_mode mode;

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
    tick_watch(&daemon, f->pid);
    pid_t pid;
    while ((pid = child_named(f, "sandbox-tick")) == 0 || pid == other)
        tick_wait(&daemon);
    tick_forget(&daemon);
    tick_watch(tick, pid);
    tick_until_confined(tick);
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
        AUTO_FREE char *status = tick_read_status(tick->pid, entry->d_name);
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
    tick_forget(&tick);
    sandboxd_finish(&f);
}

static void ticks_while_this_machine_is_wanted(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick tick;
    start(&f, &tick);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    pid_t spinning[PROCESSORS_MAX + 1];
    assert_true(processors <= PROCESSORS_MAX);
    for (long i = 0; i <= processors; i++) {
        spinning[i] = fork();
        if (spinning[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); // else they would outlive a test that fails
            for (;;)
                ;
        }
        assert_true(spinning[i] > 0);
    }
    tick_until_it_ticks(&tick);
    for (long i = 0; i <= processors; i++) {
        kill(spinning[i], SIGKILL);
        waitpid(spinning[i], NULL, 0);
    }
    tick_forget(&tick);
    sandboxd_finish(&f);
}

static void is_started_again_when_it_is_killed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick first, second;
    start(&f, &first);
    assert_int_equal(kill(first.pid, SIGKILL), 0);
    tick_expect_end(&first);
    find(&f, first.pid, &second);
    tick_forget(&first);
    tick_forget(&second);
    sandboxd_finish(&f);
}

static void ends_with_sandboxd(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct tick tick;
    start(&f, &tick);
    sandboxd_kill(&f);
    tick_expect_end(&tick);
    tick_forget(&tick);
    sandboxd_start(&f);
    find(&f, 0, &tick);
    assert_int_equal(kill(tick.pid, SIGSTOP), 0); // whatever state it is in
    sandboxd_stop(&f);
    struct pollfd ended = {.fd = tick.pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 0), 1);
    tick_forget(&tick);
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
    tick_watch(&daemon, f.pid);
    while (child_named(&f, "sandbox-egress") == 0 || child_named(&f, "sandboxd"))
        tick_wait(&daemon);
    assert_int_equal(child_named(&f, "sandbox-tick"), 0);
    tick_forget(&daemon);
    sandboxd_stop(&f);
    sandboxd_set(&f, "SANDBOX_TICK_US=99");
    assert_int_equal(sandboxd_start_refused(&f), 1);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_nothing_but_what_it_needs),
        cmocka_unit_test(ticks_while_this_machine_is_wanted),
        cmocka_unit_test(is_started_again_when_it_is_killed),
        cmocka_unit_test(ends_with_sandboxd),
        cmocka_unit_test(is_not_there_when_nobody_wants_it),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
