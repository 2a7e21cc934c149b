// Parked sandboxes, and those who make them, that die.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "lib/cleanup.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static void a_dead_one_is_replaced(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    static const char *const parts[] = {"Xvfb", "sandbox-init"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(kill(sandboxd_find_process(&f, parts[i]), SIGKILL), 0);
        sandboxd_expect_parked(&f, 0);
        assert_int_equal(f.pool.rows[TEMPLATE_DESKTOP].losses,
                         i + (f.pool.rows[TEMPLATE_DESKTOP].building ? 0 : 1));
        sandboxd_expect_parked(&f, 1);
    }
    struct sandboxd_create request = sandboxd_request(7);
    sandboxd_create(&f, &request);
    assert_int_equal(f.ready.parked, 1);
    sandboxd_finish(&f);
}

static pid_t find_spawner(const struct sandboxd_fixture *f)
{
    char path[64], name[32];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)f->pid, (int)f->pid);
    AUTO_FILE FILE *children = fopen(path, "re");
    assert_non_null(children);
    for (int pid; fscanf(children, "%d", &pid) == 1;) {
        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        AUTO_FILE FILE *file = fopen(path, "re");
        if (file && fgets(name, sizeof(name), file) && strcmp(name, "sandboxd-spawn\n") == 0)
            return pid;
    }
    fail_msg("no spawner");
    return -1;
}

// A spawner's end ends nothing that it has made.
static void a_killed_spawner_is_started_again(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    pid_t spawner = find_spawner(&f);
    assert_true(spawner > 0);
    assert_int_equal(kill(spawner, SIGKILL), 0);
    struct sandboxd_create first = sandboxd_request(7), second = sandboxd_request(8);
    sandboxd_create(&f, &first);
    assert_int_equal(f.ready.parked, 1);
    sandboxd_expect_parked(&f, 1);
    sandboxd_create(&f, &second);
    assert_int_equal(f.ready.parked, 1);
    sandboxd_finish(&f);
}

static void a_spawner_killed_at_work_leaves_nothing(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(sandboxd_find_process(&f, "sandbox-init"), SIGKILL), 0);
        do
            sandboxd_expect(&f, SANDBOXD_POOL, NULL);
        while (f.pool.rows[TEMPLATE_DESKTOP].building == 0 || f.pool.rows[TEMPLATE_DESKTOP].losses == 0);
        assert_int_equal(kill(find_spawner(&f), SIGKILL), 0); // it has just been asked
        sandboxd_expect_parked(&f, 1);
    }
    sandboxd_finish(&f);
}

static void killed_sandboxd_leaves_nothing_parked(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    AUTO_FD int init = pidfd_open(sandboxd_find_process(&f, "sandbox-init"), 0);
    AUTO_FD int spawner = pidfd_open(find_spawner(&f), 0);
    assert_true(init >= 0 && spawner >= 0);
    sandboxd_kill(&f);
    struct pollfd ended[] = {{.fd = init, .events = POLLIN}, {.fd = spawner, .events = POLLIN}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(poll(&ended[i], 1, sandboxd_deadline_ms()), 1);
    memset(&f.pool, 0, sizeof(f.pool));
    sandboxd_start(&f);
    sandboxd_expect_parked(&f, 1);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_one_is_replaced),
        cmocka_unit_test(a_killed_spawner_is_started_again),
        cmocka_unit_test(a_spawner_killed_at_work_leaves_nothing),
        cmocka_unit_test(killed_sandboxd_leaves_nothing_parked),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
