#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "supervisor/program.h"

struct fixture {
    struct program program;
    char log[32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    snprintf(fixture->log, sizeof(fixture->log), "/tmp/program-test-XXXXXX");
    close(mkstemp(fixture->log));
    fixture->program = (struct program){
        .name = "test", .kind = PROGRAM_TASK, .identity = identity_unchanged(), .stop_signal = SIGTERM};
    memcpy(fixture->program.log_path, fixture->log, sizeof(fixture->log));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->log);
    program_finish(&fixture->program);
    free(fixture);
    return 0;
}

// Runs a shell script as the program; the caller frees what it wrote.
static char *output_of(struct fixture *fixture, const char *script, int *ret_status)
{
    char *text = NULL;
    const char *step;
    size_t length;
    pid_t pid;

    assert_int_equal(program_add_argument(&fixture->program, "/bin/sh"), 0);
    assert_int_equal(program_add_argument(&fixture->program, "-c"), 0);
    assert_int_equal(program_add_argument(&fixture->program, "%s", script), 0);
    assert_int_equal(program_start(&fixture->program, "/notify/path", &pid, &step), 0);
    assert_int_equal(waitpid(pid, ret_status, 0), pid);
    assert_int_equal(read_file_at(AT_FDCWD, fixture->log, 65536, &text, &length), 0);
    return text;
}

static void test_it_gets_its_environment_input_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    AUTO_FD int open_one = open("/dev/null", O_RDONLY); // no O_CLOEXEC: it must be closed all the same
    int status;

    assert_true(open_one >= 3);
    setenv("LEAK", "leaked", 1);
    fixture->program.input = "a password\n";
    assert_int_equal(program_add_environment(&fixture->program, "KEY=%s", "value"), 0);
    AUTO_FREE char *text =
        output_of(fixture,
                  "read -r line; echo \"$line|$KEY|$NOTIFY_SOCKET|$LEAK|$PWD|$(ulimit -c)\";"
                  "for fd in 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$fd ] || echo \"open $fd\"; done; exit 7",
                  &status);
    assert_string_equal(text, "a password|value|/notify/path||/|0\n");
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_it_leads_a_session_with_clean_signals_and_no_new_privileges(void **state)
{
    sigset_t blocked, before;
    int status;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    AUTO_FREE char *text = output_of(
        *state,
        "while read -r key value; do case $key in SigBlk:|SigIgn:|NoNewPrivs:) echo $value;; esac;"
        "done </proc/$$/status; read -r stat </proc/$$/stat; set -- $stat; [ $1 = $6 ] && echo leads",
        &status);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_non_null(strstr(text, "1\n"));
    assert_non_null(strstr(text, "0000000000000000\n0000000000000000\n"));
    assert_non_null(strstr(text, "leads\n"));
}

static void test_a_program_that_is_not_there_names_the_step(void **state)
{
    struct fixture *fixture = *state;
    const char *step = NULL;
    pid_t pid = -1;

    assert_int_equal(program_add_argument(&fixture->program, "/nonexistent/program"), 0);
    assert_int_equal(program_start(&fixture->program, NULL, &pid, &step), -ENOENT);
    assert_string_equal(step, "execute");
    assert_int_equal(pid, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // nothing is left to reap
    assert_int_equal(errno, ECHILD);
}

static void test_a_full_table_is_refused(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < PROGRAM_ARGUMENTS_MAX; i++)
        assert_int_equal(program_add_argument(&fixture->program, "%d", i), 0);
    assert_int_equal(program_add_argument(&fixture->program, "one more"), -E2BIG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_it_gets_its_environment_input_and_nothing_else),
        TEST(test_it_leads_a_session_with_clean_signals_and_no_new_privileges),
        TEST(test_a_program_that_is_not_there_names_the_step),
        TEST(test_a_full_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
