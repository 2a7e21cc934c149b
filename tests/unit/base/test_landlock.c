// Landlock on the running kernel: what the rules leave, and what they take.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/landlock.h"
#include "tests/unit/base/in_child.h"

#define ABI_TCP 4
#define ABI_SCOPES 6

static char directory[64], file[96], other[96];

static int open_error(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int bind_error(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
    close(fd);
    return error;
}

static void deny_everything(void)
{
    int kept = open(file, O_RDWR | O_CLOEXEC);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    CHILD_EXPECT(landlock_deny_all() == 0);
    CHILD_EXPECT(open_error(file, O_RDONLY) == EACCES);
    CHILD_EXPECT(open_error("/", O_RDONLY | O_DIRECTORY) == EACCES);
    CHILD_EXPECT(open_error(other, O_WRONLY | O_CREAT) == EACCES);
    CHILD_EXPECT(mkdir(other, 0700) < 0 && errno == EACCES);
    CHILD_EXPECT(write(kept, "x", 1) == 1); // what is open stays open
    CHILD_EXPECT(landlock_abi() < ABI_TCP || bind_error() == EACCES);
    CHILD_EXPECT(landlock_abi() < ABI_SCOPES || (kill(getppid(), 0) < 0 && errno == EPERM));
    CHILD_EXPECT(kill(getpid(), 0) == 0);
}

static void keep_one_directory(void)
{
    const struct landlock_rule rules[] = {{directory, LANDLOCK_READ | LANDLOCK_WRITE_FILE},
                                          {"/nonexistent", LANDLOCK_CHANGE}, // is skipped
                                          {"/dev/null", LANDLOCK_CHANGE}};   // a file: rights of one
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    CHILD_EXPECT(landlock_allow(rules, sizeof(rules) / sizeof(rules[0])) == 0);
    CHILD_EXPECT(open_error(file, O_RDWR) == 0);
    CHILD_EXPECT(open_error(directory, O_RDONLY | O_DIRECTORY) == 0);
    CHILD_EXPECT(open_error("/dev/null", O_RDWR) == 0);
    CHILD_EXPECT(open_error("/dev/zero", O_RDONLY) == EACCES);
    CHILD_EXPECT(open_error("/etc/passwd", O_RDONLY) == EACCES);
    CHILD_EXPECT(open_error(other, O_WRONLY | O_CREAT) == EACCES); // may not be made, only written
    CHILD_EXPECT(unlink(file) < 0 && errno == EACCES);
    CHILD_EXPECT(landlock_abi() < 3 || (truncate(file, 0) < 0 && errno == EACCES));
    CHILD_EXPECT(bind_error() == 0); // the network namespace holds it
}

static void keep_what_is_named(void)
{
    const struct landlock_keep keep = {.tcp = LANDLOCK_TCP_BIND};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    CHILD_EXPECT(landlock_deny_but(&keep) == 0);
    CHILD_EXPECT(bind_error() == 0);
    CHILD_EXPECT(open_error(file, O_RDONLY) == EACCES);
    // A second one can only take more.
    CHILD_EXPECT(landlock_deny_all() == 0);
    CHILD_EXPECT(landlock_abi() < ABI_TCP || bind_error() == EACCES);
}

static void reach_an_abstract_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                   (size_t)snprintf(address.sun_path + 1, 64, "%s", directory));
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHILD_EXPECT(bind(server, (struct sockaddr *)&address, length) == 0 && listen(server, 4) == 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    CHILD_EXPECT(landlock_allow(NULL, 0) == 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHILD_EXPECT(connect(client, (struct sockaddr *)&address, length) < 0 && errno == EPERM);
}

static void without_no_new_privs(void)
{
    // Root could do it; a program of ours never is.
    if (geteuid() == 0)
        CHILD_EXPECT(setresuid(65534, 65534, 65534) == 0);
    CHILD_EXPECT(landlock_deny_all() == -EPERM);
    CHILD_EXPECT(open_error("/etc/passwd", O_RDONLY) == 0);
}

static void run(void (*function)(void))
{
    if (landlock_abi() == 0)
        skip(); // no Landlock in this kernel
    assert_int_equal(in_child(function), 0);
}

#define IN_CHILD(name)                                                                                       \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        (void)state;                                                                                         \
        run(name);                                                                                           \
    }
IN_CHILD(deny_everything)
IN_CHILD(keep_one_directory)
IN_CHILD(keep_what_is_named)
IN_CHILD(without_no_new_privs)

static void test_abstract_socket(void **state)
{
    (void)state;
    if (landlock_abi() < ABI_SCOPES)
        skip(); // Landlock scopes: Linux 6.12
    run(reach_an_abstract_socket);
}

static int prepare(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/unit-landlock-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(file, sizeof(file), "%s/file", directory);
    snprintf(other, sizeof(other), "%s/other", directory);
    return open_error(file, O_WRONLY | O_CREAT);
}

static int finish(void **state)
{
    (void)state;
    return unlink(file) < 0 || rmdir(directory) < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deny_everything),      cmocka_unit_test(test_keep_one_directory),
        cmocka_unit_test(test_keep_what_is_named),   cmocka_unit_test(test_abstract_socket),
        cmocka_unit_test(test_without_no_new_privs),
    };
    return cmocka_run_group_tests(tests, prepare, finish);
}
