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
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "supervisor/tree.h"

static char directory[] = "/tmp/tree-test-XXXXXX";

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

static void make_file(int fd, const char *path)
{
    AUTO_FD int file = openat(fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
}

static void test_nested_directories_go(void **state)
{
    int fd = *(int *)*state;

    assert_int_equal(mkdirat(fd, "a", 0700), 0);
    assert_int_equal(mkdirat(fd, "a/b", 0700), 0);
    make_file(fd, "a/b/file");
    make_file(fd, "a/file");
    assert_int_equal(tree_remove(fd, "a"), 0);
    assert_int_equal(faccessat(fd, "a", F_OK, 0), -1);
}

static void test_links_are_removed_not_followed(void **state)
{
    int fd = *(int *)*state;

    assert_int_equal(mkdirat(fd, "kept", 0700), 0);
    make_file(fd, "kept/file");
    assert_int_equal(mkdirat(fd, "a", 0700), 0);
    assert_int_equal(symlinkat("../kept", fd, "a/link"), 0);
    assert_int_equal(symlinkat("kept", fd, "top"), 0);
    assert_int_equal(tree_remove(fd, "a"), 0);
    assert_int_equal(tree_remove(fd, "top"), 0);
    assert_int_equal(faccessat(fd, "kept/file", F_OK, 0), 0);
}

static void test_what_is_not_there_is_no_failure(void **state)
{
    assert_int_equal(tree_remove(*(int *)*state, "nothing"), 0);
}

static void test_too_deep_is_refused(void **state)
{
    int fd = *(int *)*state;
    char path[256] = "a";

    for (int depth = 0; depth < 40; depth++) {
        assert_int_equal(mkdirat(fd, path, 0700), 0);
        size_t length = strlen(path);
        snprintf(path + length, sizeof(path) - length, "/a");
    }
    assert_int_equal(tree_remove(fd, "a"), -ELOOP);
    // The part within reach goes in a second call from further inside.
    for (int i = 0; i < 20; i++)
        path[2 * i + 1] = '/';
    path[40] = '\0';
    assert_int_equal(tree_remove(fd, path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nested_directories_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_are_removed_not_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_there_is_no_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_deep_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
