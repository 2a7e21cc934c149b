// sandbox-tick without a sandboxd: it ticks while every processor is wanted and else does not.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/tick.h"
#include "tests/harness/sandboxd_fixture.h"
#include "tests/scenario/sandboxd/tick_process.h"

#define QUIET "0.00 0.00 0.00 00001/100 4242\n"
#define WANTED "0.00 0.00 0.00 99999/100 4242\n"

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
    tick_watch(tick, pid);
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
    tick_until_confined(&tick);
    tick_until_quiet(&tick);
    for (int round = 0; round < 2; round++) {
        set_load(tick.load, WANTED);
        tick_until_it_ticks(&tick);
        set_load(tick.load, QUIET);
        tick_until_quiet(&tick);
    }
    close(tick.life);
    tick.life = -1;
    int status = reap(&tick);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    tick_forget(&tick);
}

static void ends_when_the_load_is_none(void **state)
{
    (void)state;
    struct tick tick;
    start_alone(&tick, "500");
    tick_until_confined(&tick);
    set_load(tick.load, "nonsense");
    int status = reap(&tick);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    tick_forget(&tick);
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
        tick_forget(&tick);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_only_while_every_processor_is_wanted),
        cmocka_unit_test(ends_when_the_load_is_none),
        cmocka_unit_test(refuses_a_wrong_period),
    };
    sandboxd_choose_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
