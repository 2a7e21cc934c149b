// Sandboxes from start to end, in each way sandboxd can be run.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static void starts_lists_and_stops(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    assert_int_equal(f.welcome.sandbox_count, 0);
    struct sandboxd_create request = sandboxd_request(7);
    sandboxd_create(&f, &request);
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(&f, &list);
    struct sandboxd_entry entry = sandboxd_expect(&f, SANDBOXD_ENTRY, NULL).entry;
    sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);
    assert_true(id_equal(&entry.sandbox, &request.sandbox));
    assert_true(id_equal(&entry.owner, &request.owner));
    assert_int_equal(entry.ready, 1);
    if (f.welcome.layers[LAYER_MEMORY_LIMIT].state == LAYER_ON)
        assert_true(entry.usage.peak_memory_bytes > 1000000 && entry.usage.peak_memory_bytes < UINT64_MAX);
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = request.sandbox, .reason = STOP_USER}};
    sandboxd_send(&f, &stop);
    struct sandboxd_ended ended = sandboxd_expect(&f, SANDBOXD_ENDED, NULL).ended;
    if (f.welcome.layers[LAYER_MEMORY_LIMIT].state == LAYER_ON) {
        assert_true(ended.usage.peak_memory_bytes >= entry.usage.peak_memory_bytes &&
                    ended.usage.peak_memory_bytes < UINT64_MAX);
        assert_true(ended.usage.cpu_us > 0 && ended.usage.cpu_us < UINT64_MAX);
    }
    assert_int_equal(sandboxd_find_process(&f, NULL), 0);
    sandboxd_finish(&f);
}

// Whatever sessions, parents and states its processes have taken refuge in: ENDED comes when none of them is left.
static void what_hides_from_the_end_is_taken_along(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(9);
    sandboxd_script(
        &f, &request,
        "for i in 1 2 3 4 5; do\n"
        "(setsid sh -c 'trap \"\" TERM HUP INT; (exec sleep 1000) & kill -STOP $!; exec sleep 1000' &)\n"
        "(setsid sh -c 'kill -STOP $$' &)\n"
        "done\n"
        "until [ $(grep -l 'State:.T' /proc/[0-9]*/status | wc -l) = 10 ]; do :; done");
    sandboxd_create(&f, &request);
    AUTO_FREE char *result = sandboxd_result(&f, &request);
    while (sandboxd_find_process(&f, "sleep") == 0)
        ;
    sandboxd_end(&f, &request.sandbox);
    assert_int_equal(sandboxd_find_process(&f, NULL), 0);
    assert_int_equal(sandboxd_count_groups(&f), 0);
    sandboxd_finish(&f);
}

// ENDED says that nothing is left, so nothing may be left when it comes.
static void groups_are_gone_when_the_end_is_told(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    for (int round = 0; round < 8; round++) {
        struct sandboxd_create request = sandboxd_request(8);
        sandboxd_create(&f, &request);
        assert_true(f.group_count == 0 || sandboxd_count_groups(&f) > 0);
        sandboxd_end(&f, &request.sandbox);
        assert_int_equal(sandboxd_count_groups(&f), 0);
    }
    sandboxd_finish(&f);
}

static void kill_one(struct sandboxd_fixture *f, const char *name, enum stop_reason reason)
{
    struct sandboxd_create request = sandboxd_request(41);
    sandboxd_create(f, &request);
    pid_t pid = sandboxd_find_process(f, name);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(sandboxd_expect_end(f, &request.sandbox), reason);
    assert_int_equal(sandboxd_find_process(f, NULL), 0);
}

static void killed_parts_end_the_sandbox(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    kill_one(&f, "Xvfb", STOP_DISPLAY);
    kill_one(&f, "sandbox-init", STOP_CRASH);
    sandboxd_finish(&f);
}

static void wait_until_gone(struct sandboxd_fixture *f, int init)
{
    struct pollfd ended = {.fd = init, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, sandboxd_deadline_ms()), 1);
    assert_int_equal(sandboxd_find_process(f, NULL), 0);
}

static void killed_sandboxd_leaves_nothing(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(51);
    sandboxd_create(&f, &request);
    AUTO_FD int init = pidfd_open(sandboxd_find_process(&f, "sandbox-init"), 0);
    assert_true(init >= 0);
    sandboxd_kill(&f);
    wait_until_gone(&f, init);
    sandboxd_start(&f);
    assert_int_equal(f.welcome.sandbox_count, 0);
    request.sandbox = id_new();
    sandboxd_create(&f, &request);
    sandboxd_finish(&f);
}

// A group below the delegated ones with one process in it.
static pid_t fill_groups(const struct sandboxd_fixture *f, const char *name, uid_t uid)
{
    char path[192];
    pid_t pid = fork();
    assert_true(pid >= 0);
    for (unsigned i = 0; pid > 0 && i < f->group_count; i++) {
        snprintf(path, sizeof(path), "%s/%s", f->groups[i], name);
        if (mkdir(path, 0755) < 0)
            assert_int_equal(errno, EEXIST); // one hierarchy under two names
        assert_int_equal(chown(path, f->uid, f->uid), 0);
        snprintf(path, sizeof(path), "%s/%s/cgroup.procs", f->groups[i], name);
        AUTO_FILE FILE *file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file, "%d", pid);
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setresuid(uid, uid, uid) == 0)
            pause();
        _exit(1);
    }
    return pid;
}

static void empty_groups(const struct sandboxd_fixture *f, const char *name, pid_t pid)
{
    char path[192];
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); // it lives
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (unsigned i = 0; i < f->group_count; i++) {
        snprintf(path, sizeof(path), "%s/%s", f->groups[i], name);
        if (rmdir(path) < 0)
            assert_int_equal(errno, ENOENT);
    }
}

static void groups_of_others_are_left_alone(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip(); // no group is writable
    static const char *const names[] = {"session", "s", "s1x", "v-1"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct sandboxd_fixture f;
        sandboxd_prepare(&f, mode);
        pid_t pid = fill_groups(&f, names[i], f.uid);
        sandboxd_start(&f);
        empty_groups(&f, names[i], pid);
        sandboxd_finish(&f);
    }
}

static void only_own_processes_are_ended(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip();
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    if (f.group_count == 0) {
        sandboxd_finish(&f);
        skip();
    }
    pid_t pid = fill_groups(&f, "s7", f.uid_base - 1);
    assert_int_equal(sandboxd_start_refused(&f), 1);
    empty_groups(&f, "s7", pid);
    pid = fill_groups(&f, "s7", f.uid_base + 1);
    sandboxd_start(&f); // its groups are gone, which sandboxd_finish checks
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    sandboxd_finish(&f);
}

static void sandboxes_outlive_their_client(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(61);
    sandboxd_create(&f, &request);
    int old = f.client;
    f.client = -1;
    sandboxd_connect(&f); // while the old one is still there
    assert_int_equal(f.welcome.sandbox_count, 1);
    struct pollfd hung_up = {.fd = old, .events = POLLIN};
    assert_int_equal(poll(&hung_up, 1, sandboxd_deadline_ms()), 1);
    char byte;
    assert_int_equal(recv(old, &byte, 1, 0), 0);
    close(old);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

// That it is up is said once, and nobody may be there yet to hear it.
static void a_window_manager_that_is_up_first_is_not_missed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_replace_program(&f, "sandbox-display", getenv("LATE_DISPLAY"));
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    sandboxd_create(&f, &request);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_lists_and_stops),
        cmocka_unit_test(a_window_manager_that_is_up_first_is_not_missed),
        cmocka_unit_test(what_hides_from_the_end_is_taken_along),
        cmocka_unit_test(groups_are_gone_when_the_end_is_told),
        cmocka_unit_test(killed_parts_end_the_sandbox),
        cmocka_unit_test(killed_sandboxd_leaves_nothing),
        cmocka_unit_test(groups_of_others_are_left_alone),
        cmocka_unit_test(only_own_processes_are_ended),
        cmocka_unit_test(sandboxes_outlive_their_client),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
