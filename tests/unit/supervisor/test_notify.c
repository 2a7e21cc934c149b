#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/notify.h"
#include "supervisor/notify_socket.h"

static char directory[] = "/tmp/notify-test-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    static int fd;

    memset(strrchr(directory, '-') + 1, 'X', 6);
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    setenv("NOTIFY_SOCKET", path, 1);
    *state = &fd;
    return notify_socket_open(path, getuid(), &fd);
}

static int tear_down(void **state)
{
    close(*(int *)*state);
    unlink(path);
    return rmdir(directory);
}

static void send_text(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, sizeof(address)),
                     strlen(text));
}

static void test_a_program_says_that_it_is_ready(void **state)
{
    int fd = *(int *)*state;

    assert_false(notify_socket_drain(fd, getpid()));
    assert_int_equal(notify_ready(), 1);
    assert_int_equal(notify_socket_drain(fd, getpid()), NOTIFY_READY);
    assert_false(notify_socket_drain(fd, getpid()));
    assert_int_equal(notify_alive(), 1);
    assert_int_equal(notify_socket_drain(fd, getpid()), NOTIFY_ALIVE);
}

static void test_another_process_is_not_believed(void **state)
{
    int fd = *(int *)*state, status;

    pid_t pid = fork();
    if (pid == 0)
        _exit(notify_ready() == 1 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_false(notify_socket_drain(fd, getpid()));
}

static void test_each_word_is_a_line_of_its_own(void **state)
{
    static const struct {
        const char *text;
        unsigned words;
    } cases[] = {
        {"READY=1", NOTIFY_READY},
        {"STATUS=up\nREADY=1\n", NOTIFY_READY},
        {"READY=1\nMAINPID=1", NOTIFY_READY},
        {"WATCHDOG=1", NOTIFY_ALIVE},
        {"READY=1\nWATCHDOG=1", NOTIFY_READY | NOTIFY_ALIVE},
        {"WATCHDOG=trigger", 0},
        {"READY=0", 0},
        {"READY=10", 0},
        {"NOTREADY=1", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        send_text(cases[i].text);
        assert_int_equal(notify_socket_drain(*(int *)*state, getpid()), cases[i].words);
    }
}

static void test_an_oversized_message_is_dropped(void **state)
{
    char text[8192];

    memset(text, '\n', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "READY=1", 7);
    send_text(text);
    assert_false(notify_socket_drain(*(int *)*state, getpid()));
}

// It must not hang with a supervisor that does.
static void test_nobody_who_reads_holds_up_no_sign_of_life(void **state)
{
    (void)state;
    alarm(20);
    int told = 1;
    for (int i = 0; i < 100000 && told == 1; i++)
        told = notify_alive();
    alarm(0);
    assert_int_equal(told, -EAGAIN);
}

static void test_only_its_user_may_write(void **state)
{
    struct stat status;
    (void)state;

    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_without_a_socket_nothing_is_told(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_ready(), 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_ready(), -EAFNOSUPPORT);
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    assert_int_equal(notify_ready(), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_program_says_that_it_is_ready),
        TEST(test_another_process_is_not_believed),
        TEST(test_each_word_is_a_line_of_its_own),
        TEST(test_an_oversized_message_is_dropped),
        TEST(test_nobody_who_reads_holds_up_no_sign_of_life),
        TEST(test_only_its_user_may_write),
        TEST(test_without_a_socket_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
