// When the files that a plan shows count as others.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/executor/host_files.h"

struct host {
    char directory[32];
    char file[64], link[64], absent[64], kept[64], other[64];
    struct plan plan;
    int inotify;
};

static void write_to(const char *path, int flags)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, path, 1), 1);
}

static void add(struct host *host, const char *source, int64_t flags)
{
    host->plan.operations[host->plan.count++] =
        (struct operation){.kind = OPERATION_BIND, .source = source, .target = "x", .number = flags};
}

static int set_up(void **state)
{
    struct host *host = calloc(1, sizeof(*host));
    assert_non_null(host);
    memcpy(host->directory, "/tmp/host-files-XXXXXX", 23);
    assert_non_null(mkdtemp(host->directory));
    const struct {
        char *path;
        const char *name;
    } names[] = {{host->file, "file"},
                 {host->link, "link"},
                 {host->absent, "absent"},
                 {host->kept, "kept"},
                 {host->other, "other"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        snprintf(names[i].path, 64, "%s/%s", host->directory, names[i].name);
    write_to(host->file, O_EXCL);
    write_to(host->kept, O_EXCL);
    assert_int_equal(symlink("kept", host->link), 0);
    add(host, host->file, 0);
    add(host, host->link, BIND_OPTIONAL);
    add(host, host->absent, BIND_OPTIONAL);
    add(host, "/dev/null", BIND_DEVICE);
    host->plan.operations[host->plan.count++] = (struct operation){.kind = OPERATION_PIVOT};
    host->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(host->inotify >= 0);
    *state = host;
    return 0;
}

static int tear_down(void **state)
{
    struct host *host = *state;
    const char *const paths[] = {host->file, host->link, host->absent, host->kept, host->other};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        unlink(paths[i]);
    assert_int_equal(rmdir(host->directory), 0);
    close(host->inotify);
    free(host);
    return 0;
}

// What inotify tells is in its queue when the change is done.
static bool is_told(const struct host *host)
{
    struct pollfd told = {.fd = host->inotify, .events = POLLIN};
    return poll(&told, 1, 0) == 1;
}

static void expect_change(struct host *host, uint64_t *identity)
{
    assert_true(is_told(host));
    host_files_told(host->inotify);
    assert_false(is_told(host));
    assert_int_equal(host_files_watch(host->inotify, &host->plan), 0);
    uint64_t now = host_files_identity(&host->plan);
    assert_int_not_equal(now, *identity);
    *identity = now;
}

static void a_replaced_file_is_another_set(void **state)
{
    struct host *host = *state;
    assert_int_equal(host_files_watch(host->inotify, &host->plan), 0);
    uint64_t identity = host_files_identity(&host->plan);
    AUTO_FD int mounted = open(host->file, O_PATH | O_CLOEXEC); // keeps its inode, as a mount does
    AUTO_FD int also_mounted = open(host->kept, O_PATH | O_CLOEXEC);
    assert_int_equal(host_files_identity(&host->plan), identity);
    write_to(host->other, O_EXCL);
    assert_int_equal(rename(host->other, host->file), 0);
    expect_change(host, &identity);
    write_to(host->other, O_EXCL);
    assert_int_equal(rename(host->other, host->kept), 0); // to which a link leads
    expect_change(host, &identity);
    write_to(host->absent, O_EXCL);
    expect_change(host, &identity);
    assert_int_equal(unlink(host->absent), 0);
    expect_change(host, &identity);
    assert_true(unlink(host->link) == 0 && symlink("file", host->link) == 0);
    expect_change(host, &identity);
    assert_int_equal(unlink(host->file), 0);
    expect_change(host, &identity);
}

static void a_changed_file_is_the_same(void **state)
{
    struct host *host = *state;
    assert_int_equal(host_files_watch(host->inotify, &host->plan), 0);
    uint64_t identity = host_files_identity(&host->plan);
    write_to(host->file, O_TRUNC);
    assert_false(is_told(host));
    write_to(host->other, O_EXCL); // beside them
    assert_int_equal(chmod(host->file, 0600), 0);
    assert_int_equal(host_files_identity(&host->plan), identity);
}

static void a_directory_that_is_not_there_is_no_failure(void **state)
{
    struct host *host = *state;
    struct plan plan = {.count = 1};
    plan.operations[0] =
        (struct operation){.kind = OPERATION_BIND, .source = "/nonexistent/a/file", .number = BIND_OPTIONAL};
    assert_int_equal(host_files_watch(host->inotify, &plan), 0);
    plan.operations[0].source = "/usr"; // directly below the root
    assert_int_equal(host_files_watch(host->inotify, &plan), 0);
    close(host->inotify);
    assert_true(host_files_watch(host->inotify, &plan) < 0);
    host->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replaced_file_is_another_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_file_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_is_no_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
