// Files beneath a directory that somebody hostile writes to; whole reads and writes.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

static char directory[64];

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/unit-fd-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int open_directory(void)
{
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void what_lies_beneath_is_opened_and_closed_at_exec(void **state)
{
    (void)state;
    AUTO_FD int top = open_directory();
    AUTO_FD int fd = -1;
    assert_int_equal(mkdirat(top, "a", 0700), 0);
    assert_int_equal(open_beneath(top, "a/file", O_WRONLY | O_CREAT | O_EXCL, 0640, &fd), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640 & ~022);
    int kept = fd;
    assert_int_equal(open_beneath(top, "a/file", O_WRONLY | O_CREAT | O_EXCL, 0640, &fd), -EEXIST);
    assert_int_equal(fd, kept); // untouched
}

static void nothing_leads_out(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int error;
    } ways[] = {
        {"..", -EXDEV},          {"../etc/passwd", -EXDEV}, {"inside/../../etc", -EXDEV},
        {"/etc/passwd", -EXDEV}, {"absolute", -ELOOP},      {"relative", -ELOOP},
        {"link/file", -ELOOP},   {"self/fd", -ELOOP},       {"absent", -ENOENT},
    };
    AUTO_FD int top = open_directory();
    assert_int_equal(mkdirat(top, "inside", 0700), 0);
    assert_int_equal(symlinkat("/etc/passwd", top, "absolute"), 0);
    assert_int_equal(symlinkat("inside", top, "relative"), 0); // harmless, and a link all the same
    assert_int_equal(symlinkat("inside", top, "link"), 0);
    assert_int_equal(symlinkat("/proc/self", top, "self"), 0);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        int fd = -1;
        int error = open_beneath(top, ways[i].path, O_RDONLY, 0, &fd);
        if (error != ways[i].error)
            print_error("%s: %d\n", ways[i].path, error);
        assert_int_equal(error, ways[i].error);
        assert_int_equal(fd, -1);
    }
    int fd = -1;
    assert_int_equal(open_beneath(top, "link", O_WRONLY | O_CREAT, 0600, &fd), -ELOOP);
    AUTO_FD int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(open_beneath(proc, "root/etc", O_RDONLY, 0, &fd), -ELOOP); // a magic link
    assert_int_equal(open_beneath(proc, "fd/0", O_RDONLY, 0, &fd), -ELOOP);
}

static void files_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    AUTO_FD int top = open_directory();
    AUTO_FD int fd = openat(top, "text", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write_all(fd, "twelve bytes", 12), 0);
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(read_file_at(top, "text", 12, &text, &length), 0);
    assert_int_equal(length, 12);
    assert_string_equal(text, "twelve bytes");
    free(text);
    text = NULL;
    assert_int_equal(read_file_at(top, "text", 11, &text, &length), -EFBIG);
    assert_int_equal(read_file_at(top, "none", 11, &text, &length), -ENOENT);
    assert_int_equal(read_file_at(top, ".", 11, &text, &length), -EISDIR);
    assert_null(text);
    // Who puts a FIFO there must not make the reader wait.
    assert_int_equal(mkfifoat(top, "fifo", 0600), 0);
    assert_int_equal(read_file_at(top, "fifo", 11, &text, &length), 0);
    assert_int_equal(length, 0);
    free(text);
}

static void a_write_that_does_not_fit_fails(void **state)
{
    (void)state;
    AUTO_FD int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write_all(full, "x", 1), -ENOSPC);
    int ends[2];
    static const char block[1 << 17];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(set_nonblocking(ends[1]), 0);
    assert_int_equal(write_all(ends[1], block, sizeof(block)), -EAGAIN);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(write_all(-1, "x", 1), -EBADF);
    assert_int_equal(write_all(-1, "x", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_lies_beneath_is_opened_and_closed_at_exec, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(nothing_leads_out, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(files_are_read_whole_or_not_at_all, make_directory, remove_directory),
        cmocka_unit_test(a_write_that_does_not_fit_fails),
    };
    umask(022);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
