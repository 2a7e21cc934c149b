#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "supervisor/secrets.h"
#include "supervisor/tree.h"

static char directory[] = "/tmp/secrets-test-XXXXXX";

static int set_up(void **state)
{
    static int fd;

    memset(strrchr(directory, '-') + 1, 'X', 6);
    if (!mkdtemp(directory))
        return -1;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &fd;
    return fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    close(*(int *)*state);
    AUTO_FD int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree_remove(parent, directory + strlen("/tmp/"));
}

static void test_secret_is_private_and_64_digits(void **state)
{
    int fd = *(int *)*state;
    AUTO_FREE char *text = NULL;
    struct stat status;
    size_t length;

    assert_int_equal(secrets_create(fd, getuid(), getgid()), 0);
    assert_int_equal(fstatat(fd, "secrets.env", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(read_file_at(fd, "secrets.env", 1024, &text, &length), 0);
    assert_int_equal(length, strlen("JWT_SECRET=") + 64 + 1);
    assert_memory_equal(text, "JWT_SECRET=", strlen("JWT_SECRET="));
    assert_int_equal(strspn(text + strlen("JWT_SECRET="), "0123456789abcdef"), 64);
    assert_int_equal(text[length - 1], '\n');
}

static void test_an_existing_secret_stays(void **state)
{
    int fd = *(int *)*state;
    AUTO_FREE char *first = NULL;
    AUTO_FREE char *second = NULL;
    size_t length;

    assert_int_equal(secrets_create(fd, getuid(), getgid()), 0);
    assert_int_equal(read_file_at(fd, "secrets.env", 1024, &first, &length), 0);
    assert_int_equal(secrets_create(fd, getuid(), getgid()), 0);
    assert_int_equal(read_file_at(fd, "secrets.env", 1024, &second, &length), 0);
    assert_string_equal(first, second);
}

// A link planted under the unfinished file's name is replaced, never written through.
static void test_a_link_is_not_followed(void **state)
{
    int fd = *(int *)*state;

    assert_int_equal(symlinkat("victim", fd, "secrets.env.new"), 0);
    assert_int_equal(secrets_create(fd, getuid(), getgid()), 0);
    assert_int_equal(faccessat(fd, "victim", F_OK, 0), -1);
    assert_int_equal(faccessat(fd, "secrets.env", R_OK, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_passwords_differ_and_are_readable(void **state)
{
    char first[PASSWORD_LENGTH + 1], second[PASSWORD_LENGTH + 1];
    (void)state;

    assert_int_equal(secrets_make_password(first), 0);
    assert_int_equal(secrets_make_password(second), 0);
    assert_int_equal(strlen(first), PASSWORD_LENGTH);
    assert_null(strpbrk(first, "0O1lI"));
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secret_is_private_and_64_digits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_existing_secret_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, set_up, tear_down),
        cmocka_unit_test(test_passwords_differ_and_are_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
