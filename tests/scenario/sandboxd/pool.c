// Parked sandboxes: kept ready, claimed once, and bounded.
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
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

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
    sandboxd_start_parked(&f, mode, 1);
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
    sandboxd_start_parked(&f, mode, 1);
    struct sandboxd_create request = sandboxd_request(7);
    char home[160];
    sandboxd_home(&f, &request, home);
    for (int round = 0; round < 3; round++) {
        sandboxd_expect_parked(&f, round == 2 ? 0 : 1);
        request.sandbox = id_new();
        char script[160];
        snprintf(script, sizeof(script),
                 "echo %d >>kept; mkdir -p d; ln -sf /etc/passwd d/link; ln -f kept d/hard; chmod u+s kept; "
                 "cat kept",
                 round);
        sandboxd_script(&f, &request, script);
        sandboxd_create(&f, &request);
        assert_int_equal(f.ready.parked, round != 2);
        AUTO_FREE char *result = sandboxd_result(&f, &request);
        assert_int_equal(strlen(result), 2 * (size_t)(round + 1));
        uid_t now = status_of(home, "").st_uid;
        assert_int_equal(status_of(home, "kept").st_uid, now);
        assert_int_equal(status_of(home, "kept").st_gid, now);
        assert_int_equal(status_of(home, "d/link").st_uid, now);
        assert_int_equal(status_of(home, ".config/openbox/autostart").st_uid, now);
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

// While another sandbox of the owner runs, the home keeps its uid, and a new one has to use that.
static void sandboxes_of_one_owner_share_the_homes_uid(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 2);
    struct sandboxd_create first = sandboxd_request(7), second = first, third = first;
    second.sandbox = id_new();
    third.sandbox = id_new();
    struct sandboxd_message create = {.kind = SANDBOXD_CREATE, .create = first};
    sandboxd_send(&f, &create); // the second comes while the first is being claimed
    create.create = second;
    sandboxd_send(&f, &create);
    struct sandboxd_ready ready = sandboxd_expect(&f, SANDBOXD_READY, NULL).ready;
    assert_true(id_equal(&ready.sandbox, &first.sandbox));
    assert_int_equal(ready.parked, 1);
    ready = sandboxd_expect(&f, SANDBOXD_READY, NULL).ready;
    assert_true(id_equal(&ready.sandbox, &second.sandbox));
    assert_int_equal(ready.parked, 0);
    uid_t uid = status_of_home(&f, &first).st_uid;
    sandboxd_end(&f, &first.sandbox);
    sandboxd_create(&f, &third); // the cold one runs on
    assert_int_equal(f.ready.parked, 0);
    assert_int_equal(status_of_home(&f, &first).st_uid, uid);
    sandboxd_end(&f, &second.sandbox);
    sandboxd_end(&f, &third.sandbox);
    sandboxd_expect_parked(&f, 2);
    first.sandbox = id_new();
    sandboxd_create(&f, &first);
    assert_int_equal(f.ready.parked, 1);
    sandboxd_finish(&f);
}

static void stopped_while_it_waits_or_is_claimed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    struct sandboxd_create first = sandboxd_request(7), second = first;
    second.sandbox = id_new();
    struct sandboxd_message messages[] = {
        {.kind = SANDBOXD_CREATE, .create = first},
        {.kind = SANDBOXD_CREATE, .create = second},
        {.kind = SANDBOXD_STOP, .stop = {.sandbox = second.sandbox, .reason = STOP_USER}},
        {.kind = SANDBOXD_STOP, .stop = {.sandbox = first.sandbox, .reason = STOP_IDLE}}};
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        sandboxd_send(&f, &messages[i]);
    unsigned ended = 0;
    while (ended < 2) {
        struct pollfd readable = {.fd = f.client, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, sandboxd_deadline_ms()), 1);
        struct sandboxd_message buffer, message;
        AUTO_PACKET struct ipc_packet packet = {0};
        assert_int_equal(ipc_receive(f.client, &buffer, sizeof(buffer), &packet), 0);
        assert_int_equal(
            sandboxd_message_decode(&buffer, packet.length, packet.fd_count, CHANNEL_SERVER, &message), 0);
        ended += message.kind == SANDBOXD_ENDED;
        assert_int_not_equal(message.kind, SANDBOXD_FAILED);
        if (message.kind == SANDBOXD_POOL)
            f.pool = message.pool;
    }
    sandboxd_expect_parked(&f, 1);
    first.sandbox = id_new();
    sandboxd_create(&f, &first);
    assert_int_equal(f.ready.parked, 1);
    sandboxd_finish(&f);
}

static void fill(const char *home, unsigned entries, uid_t uid)
{
    char path[320];
    for (unsigned i = 0; i < entries; i++) {
        snprintf(path, sizeof(path), "%s/f%u", home, i);
        AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fchown(fd, uid, uid), 0);
    }
}

// Started cold with the uid that the home has; the parked one stays for the next.
static void large_and_strange_homes_start_cold(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip(); // nothing is given away
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    struct sandboxd_create large = sandboxd_request(7), foreign = sandboxd_request(8),
                           other = sandboxd_request(9);
    char home[160], path[320];
    sandboxd_script(&f, &large, "true");
    sandboxd_home(&f, &large, home);
    fill(home, 2200, sandboxd_host_uid(&f, &large));
    sandboxd_create(&f, &large);
    assert_int_equal(f.ready.parked, 0);
    assert_int_equal(status_of_home(&f, &large).st_uid, sandboxd_host_uid(&f, &large));
    assert_int_equal(status_of(home, "f77").st_uid, sandboxd_host_uid(&f, &large));

    sandboxd_script(&f, &foreign, "true");
    sandboxd_home(&f, &foreign, home);
    snprintf(path, sizeof(path), "%s/shadow",
             home); // as when root put a hard link of a file of the host there
    AUTO_FD int planted = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(planted >= 0);
    sandboxd_create(&f, &foreign);
    assert_int_equal(f.ready.parked, 0);
    assert_int_equal(status_of(home, "shadow").st_uid, 0);
    assert_int_equal(status_of_home(&f, &foreign).st_uid, sandboxd_host_uid(&f, &foreign));

    sandboxd_expect_parked(&f, 1);
    sandboxd_create(&f, &other);
    assert_int_equal(f.ready.parked, 1);
    sandboxd_finish(&f);
}

// As a walk leaves a home that was cut off: some of it has the new uid, the directory the old one, and the link says so.
static void a_walk_that_was_cut_off_is_finished(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip();
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    for (unsigned parked = 0; parked < 2; parked++) {
        struct sandboxd_create request = sandboxd_request(7 + parked);
        uid_t uid = sandboxd_host_uid(&f, &request), to = f.uid_base + (1u << 20) + 8193 + 5 + parked;
        char home[160], path[320], text[16], owner[ID_TEXT_SIZE];
        id_format(&request.owner, owner);
        sandboxd_script(&f, &request, "true");
        sandboxd_home(&f, &request, home);
        fill(home, 10, to);
        fill(home, 5, uid);
        snprintf(path, sizeof(path), "%s/homes/.moving-%s", f.directory, owner);
        snprintf(text, sizeof(text), "%u", to);
        assert_int_equal(symlink(text, path), 0);
        assert_int_equal(lchown(path, f.uid, f.uid), 0);
        f.parked = parked;
        sandboxd_start(&f);
        sandboxd_expect_parked(&f, parked);
        sandboxd_create(&f, &request);
        assert_int_equal(f.ready.parked, parked);
        uid_t now = status_of(home, "").st_uid;
        assert_int_not_equal(now, to); // it was not handed out while a home may have had it
        if (!parked)
            assert_int_equal(now, uid);
        assert_int_equal(status_of(home, "f3").st_uid, now);
        assert_int_equal(status_of(home, "f9").st_uid, now);
        struct stat status;
        assert_int_equal(lstat(path, &status), -1);
        sandboxd_stop(&f);
        close(f.client);
        f.client = -1;
        memset(&f.pool, 0, sizeof(f.pool));
    }
    sandboxd_finish(&f);
}

static void its_share_of_memory_bounds_the_pool(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    f.parked = 4;
    sandboxd_set(&f, "SANDBOX_POOL_MEMORY_MB=150"); // two of 73
    sandboxd_start(&f);
    sandboxd_expect_parked(&f, 2);
    assert_true(f.pool.held_mb <= 150);
    struct sandboxd_create request = sandboxd_request(7);
    sandboxd_create(&f, &request);
    assert_int_equal(f.ready.parked, 1);
    assert_int_equal(f.pool.rows[TEMPLATE_DESKTOP].ready, 1);
    sandboxd_expect_parked(&f, 2); // and no third
    assert_int_equal(f.pool.rows[TEMPLATE_DESKTOP].building, 0);
    sandboxd_finish(&f);
}

// Claimed faster than they are built: all start, each as it is told, no uid and no sandbox twice.
static void a_burst_is_served_and_refilled(void **state)
{
    (void)state;
    enum { BURST = 5 };
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 2);
    struct sandboxd_create requests[BURST];
    unsigned parked = 0;
    for (uint32_t i = 0; i < BURST; i++) {
        requests[i] = sandboxd_request(7 + i);
        struct sandboxd_message create = {.kind = SANDBOXD_CREATE, .create = requests[i]};
        sandboxd_send(&f, &create);
    }
    for (unsigned i = 0; i < BURST; i++)
        parked += sandboxd_expect(&f, SANDBOXD_READY, NULL).ready.parked;
    assert_int_equal(parked, 2); // none was built while starts were under way
    for (unsigned i = 0; i < BURST; i++) {
        for (unsigned k = 0; k < i; k++) {
            bool one = status_of_home(&f, &requests[i]).st_uid == status_of_home(&f, &requests[k]).st_uid;
            assert_int_equal(one, mode == SANDBOXD_PLAIN);
        }
    }
    sandboxd_expect_parked(&f, 2);
    sandboxd_finish(&f);
}

// The window manager began before the home was there.
static void its_window_manager_reads_the_owners_configuration(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    struct sandboxd_create request = sandboxd_request(7);
    sandboxd_script(&f, &request, "readlink /proc/$(pidof openbox)/cwd; xprop -root _OB_CONFIG_FILE");
    char home[160], path[256];
    sandboxd_home(&f, &request, home);
    snprintf(path, sizeof(path), "%s/.config/openbox/menu.xml", home);
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    struct stat status = status_of(home, "");
    assert_true(geteuid() != 0 || fchown(fd, status.st_uid, status.st_gid) == 0);
    pid_t before = sandboxd_find_process(&f, "openbox");
    sandboxd_create(&f, &request);
    assert_int_equal(f.ready.parked, 1);
    assert_int_not_equal(sandboxd_find_process(&f, "openbox"), before);
    AUTO_FREE char *result = sandboxd_result(&f, &request);
    assert_non_null(strstr(result, "/home/user\n"));
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_is_parked_and_the_pool_fills_again),
        cmocka_unit_test(a_home_follows_its_owner),
        cmocka_unit_test(sandboxes_of_one_owner_share_the_homes_uid),
        cmocka_unit_test(stopped_while_it_waits_or_is_claimed),
        cmocka_unit_test(large_and_strange_homes_start_cold),
        cmocka_unit_test(a_walk_that_was_cut_off_is_finished),
        cmocka_unit_test(its_share_of_memory_bounds_the_pool),
        cmocka_unit_test(a_burst_is_served_and_refilled),
        cmocka_unit_test(its_window_manager_reads_the_owners_configuration),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
