// What a program is started with.

#include <errno.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/program.h"

#define NOBODY 65534

// Runs a shell command with the terminal's slave end as standard error and returns its exit status.
static int run_on_terminal(int terminal, const struct identity *identity, const char *command)
{
    struct program program = {.name = "test", .kind = PROGRAM_TASK, .identity = *identity};
    const char *const words[] = {"/bin/sh", "-c", command};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_int_equal(program_add_argument(&program, "%s", words[i]), 0);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(terminal, STDERR_FILENO) >= 0);
    pid_t pid;
    const char *step = "";
    int result = program_start(&program, NULL, &pid, &step);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    program_finish(&program);
    if (result < 0)
        fail_msg("%s: %s", step, strerror(-result));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_switched_program_writes_to_the_terminal_but_reads_nothing(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("a change of user needs root\n");
        skip();
    }
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    const struct identity nobody = {.name = "nobody", .uid = NOBODY, .gid = NOBODY, .switches = true};
    assert_int_equal(write(master, "secret\n", 7), 7);
    assert_int_not_equal(run_on_terminal(slave, &nobody, "head -c 1 <&2 >/dev/null 2>&1"), 0);
    assert_int_equal(run_on_terminal(slave, &nobody, "echo hello >&2"), 0);
    // The terminal's echo of what was typed comes first, in a read of its own or not.
    char text[64] = "";
    for (size_t used = 0; !strstr(text, "hello");) {
        ssize_t length = read(master, text + used, sizeof(text) - 1 - used);
        assert_true(length > 0);
        used += (size_t)length;
        text[used] = '\0';
    }
    close(master);
    close(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switched_program_writes_to_the_terminal_but_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
