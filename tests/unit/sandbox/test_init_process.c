// What a program of sandbox-init's is on its way from the fork to the exec: the user's programs have the same uid, and may look into and change whatever
// is dumpable. It must hold nothing of sandbox-init's by then.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/init/process.h"

#define CHANNEL 3 // where sandboxd puts it
#define HIGH 100  // beyond those that are passed
#define PASSED 8  // the place of the one that the program is given
#define TRACED_CALL (SIGTRAP | 0x80)

// As sandbox-init: with descriptors that are nobody else's, and not dumpable.
__attribute__((noreturn)) static void be_init(void)
{
    const char *const arguments[] = {"true", NULL};
    int null = fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, PASSED + 1);
    const struct passed_fd passed = {null, PASSED};
    const struct program program = {.arguments = arguments, .fds = &passed, .fd_count = 1};
    if (null < 0 || dup2(null, CHANNEL) < 0 || dup2(null, HIGH) < 0 ||
        ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        _exit(EXIT_FAILURE);
    pid_t pid = process_start(&program);
    _exit(pid > 0 && waitpid(pid, NULL, 0) == pid ? EXIT_SUCCESS : EXIT_FAILURE);
}

// Only its own: standard descriptors and what it was passed.
static void expect_own_descriptors(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *descriptors = opendir(path);
    assert_non_null(descriptors);
    unsigned seen = 0;
    for (struct dirent *entry; (entry = readdir(descriptors));) {
        if (entry->d_name[0] == '.')
            continue;
        long fd = strtol(entry->d_name, NULL, 10);
        if (fd > 2 && fd != PASSED)
            fail_msg("descriptor %ld can be reached", fd);
        seen++;
    }
    closedir(descriptors);
    assert_int_equal(seen, 4);
}

static pid_t next_stop(int *ret_status)
{
    pid_t pid = waitpid(-1, ret_status, __WALL);
    assert_true(pid > 0);
    return pid;
}

static void becomes_dumpable_with_nothing_of_init(void **state)
{
    (void)state;
    pid_t init = fork(), program = 0;
    assert_true(init >= 0);
    if (init == 0)
        be_init();
    int status;
    assert_int_equal(next_stop(&status), init);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(
        ptrace(PTRACE_SETOPTIONS, init, NULL, PTRACE_O_TRACEFORK | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
        0);
    assert_int_equal(ptrace(PTRACE_CONT, init, NULL, NULL), 0);
    unsigned dumpable = 0;
    bool asks = false;
    for (pid_t pid; (pid = next_stop(&status)) != init || !WIFEXITED(status);) {
        if (!WIFSTOPPED(status))
            continue;
        struct __ptrace_syscall_info info = {0};
        if (WSTOPSIG(status) == TRACED_CALL &&
            ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_EXIT && asks) {
                dumpable++;
                expect_own_descriptors(pid);
            }
            asks = info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_prctl &&
                   info.entry.args[0] == PR_SET_DUMPABLE && info.entry.args[1] == 1;
        }
        if (pid != init)
            program = pid;
        ptrace(pid == init ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL, NULL);
    }
    assert_true(program > 0);
    assert_int_equal(WEXITSTATUS(status), EXIT_SUCCESS);
    assert_int_equal(dumpable, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(becomes_dumpable_with_nothing_of_init)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
