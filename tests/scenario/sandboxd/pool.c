// Parked sandboxes: kept ready, claimed once, replaced, and bounded.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static void start(struct sandboxd_fixture *f, unsigned parked)
{
    sandboxd_prepare(f, mode);
    f->parked = parked;
    sandboxd_start(f);
    sandboxd_expect_parked(f, parked);
}

static struct stat status_of(const char *home, const char *name)
{
    char path[320];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", home, name);
    assert_int_equal(lstat(path, &status), 0);
    return status;
}

static struct stat status_of_home(const struct sandboxd_fixture *f, const struct sandboxd_create *request)
{
    char home[160];
    sandboxd_home(f, request, home);
    return status_of(home, "");
}

static void a_claim_is_parked_and_the_pool_fills_again(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, 1);
    assert_int_equal(f.welcome.sandbox_count, 0);
    struct sandboxd_create first = sandboxd_request(7), second = sandboxd_request(8);
    sandboxd_script(&f, &first, "pwd; touch made; mkdir -p a/b; ls -A | sort; echo $HOME; id -u");
    sandboxd_create(&f, &first);
    assert_int_equal(f.ready.parked, 1);
    AUTO_FREE char *result = sandboxd_result(&f, &first);
    assert_non_null(strstr(result, "/home/user\n"));
    assert_non_null(strstr(result, ".bashrc\n"));
    assert_non_null(strstr(result, "made\n"));
    assert_non_null(strstr(result, "\n1000\n"));
    sandboxd_expect_parked(&f, 1);
    sandboxd_create(&f, &second); // it has no home yet
    assert_int_equal(f.ready.parked, 1);
    struct stat a = status_of_home(&f, &first), b = status_of_home(&f, &second);
    assert_true((a.st_uid != b.st_uid) == (mode == SANDBOXD_DELEGATED));
    assert_int_equal(b.st_mode & 07777, 0700);
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(&f, &list);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sandboxd_expect(&f, SANDBOXD_ENTRY, NULL).entry.limits.memory_mb, 512);
    sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);
    sandboxd_end(&f, &first.sandbox);
    sandboxd_end(&f, &second.sandbox);
    sandboxd_finish(&f);
}

// All of it belongs to the sandbox's uid, and the next one finds it.
static void a_home_follows_its_owner(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, 1);
    struct sandboxd_create request = sandboxd_request(7);
    char home[160];
    sandboxd_home(&f, &request, home);
    uid_t before = 0;
    for (int round = 0; round < 3; round++) {
        sandboxd_expect_parked(&f, round == 2 ? 0 : 1);
        request.sandbox = id_new();
        char script[160];
        snprintf(script, sizeof(script),
                 "echo %d >>kept; mkdir -p d; ln -sf /etc/passwd d/link; ln -f kept d/hard; chmod u+s kept; cat kept", round);
        uid_t uid = round == 0 ? sandboxd_host_uid(&f, &request) : before;
        sandboxd_script(&f, &request, script);
        if (mode == SANDBOXD_DELEGATED && round > 0) { // the script of the fixture belongs to the account's uid
            char path[256];
            snprintf(path, sizeof(path), "%s/.config/openbox/autostart", home);
            assert_int_equal(chown(path, uid, uid), 0);
            static const char *const below[] = {"", ".config", ".config/openbox"};
            for (size_t i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), "%s/%s", home, below[i]);
                assert_int_equal(chown(path, uid, uid), 0);
            }
        }
        sandboxd_create(&f, &request);
        assert_int_equal(f.ready.parked, round != 2);
        AUTO_FREE char *result = sandboxd_result(&f, &request);
        assert_int_equal(strlen(result), 2 * (size_t)(round + 1));
        uid_t now = status_of(home, "").st_uid;
        assert_int_equal(status_of(home, "kept").st_uid, now);
        assert_int_equal(status_of(home, "kept").st_gid, now);
        assert_int_equal(status_of(home, "d/link").st_uid, now);
        assert_int_equal(status_of(home, ".config/openbox/autostart").st_uid, now);
        before = now;
        sandboxd_end(&f, &request.sandbox);
        if (round == 1) { // without a pool: a cold start with whatever uid the home has
            sandboxd_stop(&f);
            f.parked = 0;
            memset(&f.pool, 0, sizeof(f.pool));
            sandboxd_start(&f);
        }
    }
    struct stat passwd;
    assert_int_equal(stat("/etc/passwd", &passwd), 0);
    assert_int_equal(passwd.st_uid, 0);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_is_parked_and_the_pool_fills_again),
        cmocka_unit_test(a_home_follows_its_owner),
    };
    int failed = 0;
    for (mode = SANDBOXD_DELEGATED; mode <= SANDBOXD_PLAIN; mode++) {
        if (sandboxd_mode_possible(mode))
            failed += cmocka_run_group_tests_name(mode == SANDBOXD_DELEGATED ? "delegated" : "plain", tests,
                                                  NULL, NULL);
    }
    return failed;
}
