#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "server/static_files.h"

struct fixture {
    char directory[32];
    int fd;
};

static void put(const struct fixture *fixture, const char *path, const char *text)
{
    AUTO_FD int fd = openat(fixture->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/static-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    fixture->fd = open(fixture->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *state = fixture;
    return mkdirat(fixture->fd, "assets", 0755);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->fd);
    nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static void test_serves(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "index.html", "<html>");
    put(fixture, "assets/a-1.js", "code");
    put(fixture, "assets/a-1.js.gz", "packed");
    put(fixture, ".hidden", "secret");
    struct static_files *files = NULL;
    char wrong[STATIC_WRONG_MAX];
    assert_int_equal(static_files_load(fixture->directory, &files, wrong), 0);
    const struct static_file *page = static_files_find(files, "/");
    assert_string_equal(page->path, "/index.html");
    assert_string_equal(page->cache_control, "no-cache");
    assert_ptr_equal(static_files_find(files, "/sign-in"), page);
    assert_ptr_equal(static_files_find(files, "/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e"), page);
    assert_null(static_files_find(files, "/sandboxes/x"));
    assert_null(static_files_find(files, "/.hidden"));
    assert_null(static_files_find(files, "/assets"));
    assert_null(static_files_find(files, "/assets/a-1.js.gz"));
    const struct static_file *script = static_files_find(files, "/assets/a-1.js");
    assert_string_equal(script->content_type, "text/javascript; charset=utf-8");
    assert_non_null(strstr(script->cache_control, "immutable"));
    assert_int_equal(script->length, 4);
    assert_int_equal(script->gzip_length, 6);
    static_files_free(files);
}

static void test_refuses_links(void **state)
{
    struct fixture *fixture = *state;
    struct static_files *files = NULL;
    char wrong[STATIC_WRONG_MAX];
    put(fixture, "index.html", "<html>");
    assert_int_equal(symlinkat("/etc/passwd", fixture->fd, "assets/passwd"), 0);
    assert_int_equal(static_files_load(fixture->directory, &files, wrong), -ELOOP);
    assert_non_null(strstr(wrong, "/assets/passwd"));
    assert_null(files);
}

static void test_needs_a_page(void **state)
{
    struct fixture *fixture = *state;
    struct static_files *files = NULL;
    char wrong[STATIC_WRONG_MAX];
    assert_int_equal(static_files_load(fixture->directory, &files, wrong), -ENOENT);
    assert_int_equal(static_files_load("/nonexistent", &files, wrong), -ENOENT);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_needs_a_page, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
