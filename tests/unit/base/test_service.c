// What a program and the systemd that started it tell each other.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/activation.h"
#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/journal.h"
#include "lib/notify.h"

// In a child, whose descriptor 3 is `fd`: what activation_take gives.
static int take(int fd, const char *count, bool own_pid)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char text[16];
        int taken = -1;
        snprintf(text, sizeof(text), "%d", own_pid ? (int)getpid() : 1);
        setenv("LISTEN_PID", text, 1);
        setenv("LISTEN_FDS", count, 1);
        if (dup2(fd, 3) < 0)
            _exit(100);
        int result = activation_take(&taken);
        if (result == 1 && (taken != 3 || fcntl(3, F_GETFD) != FD_CLOEXEC || getenv("LISTEN_FDS")))
            _exit(101);
        _exit(result < 0 ? -result : 200 + result);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void test_only_one_listening_packet_socket_is_taken(void **state)
{
    (void)state;
    char path[] = "/tmp/service-test-XXXXXX";
    int pair[2], listening;
    close(mkstemp(path));
    assert_int_equal(ipc_listen(path, 0600, &listening), 0);
    assert_int_equal(ipc_pair(0, pair), 0);
    assert_int_equal(take(listening, "1", true), 201);
    assert_int_equal(take(listening, "1", false), 200);
    assert_int_equal(take(listening, "2", true), EINVAL);
    assert_int_equal(take(pair[0], "1", true), EINVAL);
    int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(take(stream, "1", true), EINVAL);
    close(stream);
    close(pair[0]);
    close(pair[1]);
    close(listening);
    unlink(path);
}

static void test_the_watchdog_is_asked_by_time_and_process(void **state)
{
    (void)state;
    static const struct {
        const char *usec, *pid;
        uint64_t period;
    } cases[] = {
        {"3000000", NULL, 1500000}, {"3000000", "1", 0}, {"x", NULL, 0}, {"1x", NULL, 0}, {"", NULL, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("WATCHDOG_USEC", cases[i].usec, 1);
        cases[i].pid ? setenv("WATCHDOG_PID", cases[i].pid, 1) : unsetenv("WATCHDOG_PID");
        assert_int_equal(notify_watchdog_us(), cases[i].period);
    }
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_us(), 0);
}

// An entry of the journal, by its own reading of the protocol: the value of the n-th field.
static size_t field(const char *entry, size_t length, unsigned n, const char **ret_name,
                    const char **ret_value)
{
    size_t at = 0, size = 0;
    for (unsigned i = 0; i <= n; i++) {
        const char *end = memchr(entry + at, '\n', length - at);
        if (!end)
            return SIZE_MAX;
        *ret_name = entry + at;
        size = 0;
        for (unsigned byte = 0; byte < 8; byte++)
            size |= (size_t)(unsigned char)end[1 + byte] << (8 * byte);
        *ret_value = end + 9;
        at = (size_t)(*ret_value - entry) + size + 1;
        assert_true(at <= length);
        assert_int_equal(entry[at - 1], '\n');
    }
    return size;
}

static void test_a_value_forges_no_field_of_the_journal(void **state)
{
    (void)state;
    static char huge[10000];
    char entry[16384];
    int pair[2];
    const char hostile[] = "x\nPRIORITY=0\nMESSAGE=forged";
    memset(huge, 'h', sizeof(huge) - 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    const struct log_field fields[] = {{"user-name", hostile}, {"huge", huge}, {"after", "it"}, {0}};
    assert_int_equal(journal_send(pair[0], "tester", LOG_LEVEL_WARNING, "it happened", fields), 0);
    ssize_t length = recv(pair[1], entry, sizeof(entry), 0);
    assert_true(length > 0);
    static const char *const names[] = {"MESSAGE\n", "PRIORITY\n", "SYSLOG_IDENTIFIER\n",
                                        "SANDBOX_USER_NAME\n",
                                        "SANDBOX_AFTER\n"}; // what is too long is left out
    const char *const values[] = {"it happened", "4", "tester", hostile, "it"};
    for (unsigned i = 0; i < 5; i++) {
        const char *name, *value;
        size_t size = field(entry, (size_t)length, i, &name, &value);
        assert_memory_equal(name, names[i], strlen(names[i]));
        assert_int_equal(size, strlen(values[i]));
        assert_memory_equal(value, values[i], size);
    }
    const char *name, *value;
    assert_int_equal(field(entry, (size_t)length, 5, &name, &value), SIZE_MAX);
    close(pair[0]);
    close(pair[1]);
}

static void test_another_stream_is_not_the_journal(void **state)
{
    (void)state;
    int fd;
    unsetenv("JOURNAL_STREAM");
    assert_false(journal_open(&fd));
    setenv("JOURNAL_STREAM", "1:1", 1); // what a program of another stream inherits
    assert_false(journal_open(&fd));
    unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_one_listening_packet_socket_is_taken),
        cmocka_unit_test(test_the_watchdog_is_asked_by_time_and_process),
        cmocka_unit_test(test_a_value_forges_no_field_of_the_journal),
        cmocka_unit_test(test_another_stream_is_not_the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
