// The homes of sandboxes: whose they are, and which are refused.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static void owners_have_their_own_uid(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create first = sandboxd_request(11);
    struct sandboxd_create second = sandboxd_request(12);
    sandboxd_create(&f, &first);
    sandboxd_create(&f, &second);
    struct stat a, b;
    char path[160];
    sandboxd_home(&f, &first, path);
    assert_int_equal(stat(path, &a), 0);
    sandboxd_home(&f, &second, path);
    assert_int_equal(stat(path, &b), 0);
    assert_int_equal(a.st_uid, sandboxd_host_uid(&f, &first));
    assert_int_equal(b.st_uid, sandboxd_host_uid(&f, &second));
    assert_int_equal(a.st_mode & 07777, 0700);
    assert_int_equal(f.welcome.layers[LAYER_HOST_UID].state,
                     mode == SANDBOXD_DELEGATED ? LAYER_ON : LAYER_WEAKER);
    sandboxd_finish(&f);
}

static void home_persists(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(21);
    sandboxd_script(&f, &request, "echo first >kept; ls -A ~");
    sandboxd_create(&f, &request);
    AUTO_FREE char *first = sandboxd_result(&f, &request);
    assert_non_null(strstr(first, ".bashrc"));
    sandboxd_end(&f, &request.sandbox);
    request.sandbox = id_new();
    sandboxd_script(&f, &request, "cat kept");
    sandboxd_create(&f, &request);
    AUTO_FREE char *second = sandboxd_result(&f, &request);
    assert_string_equal(second, "first\n");
    sandboxd_finish(&f);
}

static void another_accounts_home_is_refused(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip(); // one uid for all: there is no other owner
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(31);
    sandboxd_create(&f, &request);
    sandboxd_end(&f, &request.sandbox);
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = request};
    message.create.account_number = 32;
    sandboxd_send(&f, &message);
    struct sandboxd_failed failed = sandboxd_expect(&f, SANDBOXD_FAILED, NULL).failed;
    assert_int_equal(failed.stage, START_HOME);
    assert_int_equal(failed.error, EPERM);
    sandboxd_finish(&f);
}

static void a_link_in_place_of_a_home_is_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = sandboxd_request(33)};
    char path[160];
    sandboxd_home(&f, &message.create, path);
    assert_int_equal(symlink("/etc", path), 0);
    sandboxd_send(&f, &message);
    struct sandboxd_failed failed = sandboxd_expect(&f, SANDBOXD_FAILED, NULL).failed;
    assert_int_equal(failed.stage, START_HOME);
    assert_int_equal(failed.error, ELOOP);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_have_their_own_uid),
        cmocka_unit_test(home_persists),
        cmocka_unit_test(another_accounts_home_is_refused),
        cmocka_unit_test(a_link_in_place_of_a_home_is_refused),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
