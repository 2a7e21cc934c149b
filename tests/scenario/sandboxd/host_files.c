// Files of the host that sandboxes show, replaced while sandboxd runs: as by apt, ldconfig and timedatectl, a new file takes the name of the old
// one. And a host on which sandboxes for commands have nothing to be copied from.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

// To enter a user namespace: with all else a host may still refuse this.
#define NO_FOUNDATION "setns@1=0x10000000"
#define NO_INOTIFY "inotify_init1"

static enum sandboxd_mode mode;

static void run(const char *const *words)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execv(words[0], (char *const *)words);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

// A copy of /etc, seen by this process and what it starts: the host's stays as it is. It lies over /etc until the process ends.
static int own_etc(void **state)
{
    (void)state;
    char directory[] = "/tmp/etc-XXXXXX";
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(mount("etc", directory, "tmpfs", 0, "mode=0755"), 0);
    run((const char *const[]){"/bin/cp", "-a", "/etc/.", directory, NULL});
    assert_int_equal(mount(directory, "/etc", NULL, MS_BIND, NULL), 0);
    assert_int_equal(umount2(directory, MNT_DETACH), 0);
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static void replace(const char *path, const char *content)
{
    char beside[64];
    snprintf(beside, sizeof(beside), "%s.new", path);
    AUTO_FD int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, content, strlen(content)), 0);
    assert_int_equal(rename(beside, path), 0);
}

static void expect_parked(struct sandboxd_fixture *f, unsigned template_id, unsigned count)
{
    while (f->pool.rows[template_id].ready != count)
        sandboxd_expect(f, SANDBOXD_POOL, NULL);
}

// The stock of before is dropped, and another one is there.
static void expect_renewed(struct sandboxd_fixture *f, unsigned template_id)
{
    unsigned size = f->pool.rows[template_id].size;
    expect_parked(f, template_id, 0);
    assert_int_equal(f->pool.rows[template_id].losses, 0);
    expect_parked(f, template_id, size);
}

static void expect_success(struct sandboxd_fixture *f, const struct id *sandbox, const char *script)
{
    sandboxd_run_script(f, sandbox, script);
    struct sandboxd_ended ended = sandboxd_expect(f, SANDBOXD_ENDED, NULL).ended;
    assert_true(id_equal(&ended.sandbox, sandbox));
    if (ended.status != 0)
        print_error("%s\n", script);
    assert_int_equal(ended.reason, STOP_EXITED);
    assert_int_equal(ended.status, 0);
}

static void expect_in_a_new_one(struct sandboxd_fixture *f, bool parked, const char *script)
{
    struct sandboxd_create request = sandboxd_request_command(7);
    sandboxd_create(f, &request);
    assert_int_equal(f->ready.parked, parked);
    expect_success(f, &request.sandbox, script);
}

static void start(struct sandboxd_fixture *f, const char *without, unsigned desktops, unsigned commands)
{
    sandboxd_prepare(f, mode);
    f->without = without;
    f->parked = desktops;
    sandboxd_set(f, "SANDBOX_POOL_CODE=%u", commands);
    sandboxd_start(f);
    expect_parked(f, TEMPLATE_DESKTOP, desktops);
    expect_parked(f, TEMPLATE_CODE, commands);
}

// One that runs keeps what it has: a program does not lose its libraries' cache under its feet.
static void what_is_parked_shows_the_new_file(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    replace("/etc/localtime", "first\n");
    start(&f, NULL, 0, 2);
    struct sandboxd_create request = sandboxd_request_command(7);
    sandboxd_create(&f, &request);
    expect_parked(&f, TEMPLATE_CODE, 2);
    replace("/etc/localtime", "second\n");
    expect_renewed(&f, TEMPLATE_CODE);
    for (int i = 0; i < 2; i++)
        expect_in_a_new_one(&f, true, "test $(cat /etc/localtime) = second");
    expect_success(&f, &request.sandbox, "test $(cat /etc/localtime) = first");
    sandboxd_finish(&f);
}

static void so_does_a_desktop(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    replace("/etc/localtime", "first\n");
    start(&f, NULL, 1, 0);
    replace("/etc/localtime", "second\n");
    expect_renewed(&f, TEMPLATE_DESKTOP);
    struct sandboxd_create request = sandboxd_request(7);
    sandboxd_script(&f, &request, "cat /etc/localtime");
    sandboxd_create(&f, &request);
    assert_int_equal(f.ready.parked, 1);
    AUTO_FREE char *text = sandboxd_result(&f, &request);
    assert_string_equal(text, "second\n");
    sandboxd_finish(&f);
}

// A name that leads elsewhere, one that was not there, one that goes: each is another set of files.
static void every_way_to_replace_one_is_seen(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    replace("/etc/elsewhere", "first\n");
    assert_true(unlink("/etc/localtime") == 0 && symlink("elsewhere", "/etc/localtime") == 0);
    start(&f, NULL, 0, 1);
    replace("/etc/elsewhere", "second\n"); // what the link leads to
    expect_renewed(&f, TEMPLATE_CODE);
    expect_in_a_new_one(&f, true, "test $(cat /etc/localtime) = second");
    expect_parked(&f, TEMPLATE_CODE, 1);
    assert_int_equal(unlink("/etc/localtime"), 0);
    expect_renewed(&f, TEMPLATE_CODE);
    expect_in_a_new_one(&f, true, "! test -e /etc/localtime");
    expect_parked(&f, TEMPLATE_CODE, 1);
    replace("/etc/localtime", "third\n");
    expect_renewed(&f, TEMPLATE_CODE);
    // What is written into a file, and what is none of these files, renews nothing.
    AUTO_FILE FILE *file = fopen("/etc/localtime", "we");
    assert_true(file && fputs("fourth\n", file) >= 0 && fflush(file) == 0);
    replace("/etc/nobodys", "x");
    expect_in_a_new_one(&f, true, "test $(cat /etc/localtime) = fourth");
    sandboxd_finish(&f);
}

// Whether the kernel tells of changes or each start has to look.
static void a_cold_start_shows_the_new_file(void **state)
{
    (void)state;
    static const char *const hosts[] = {NULL, NO_INOTIFY, NO_FOUNDATION};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct sandboxd_fixture f;
        replace("/etc/localtime", "first\n");
        start(&f, hosts[i], 1, 0);
        expect_in_a_new_one(&f, false, "test $(cat /etc/localtime) = first");
        replace("/etc/localtime", "second\n");
        expect_in_a_new_one(&f, false, "test $(cat /etc/localtime) = second");
        sandboxd_finish(&f);
    }
}

static void without_inotify_the_next_start_renews_the_rest(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    replace("/etc/localtime", "first\n");
    start(&f, NO_INOTIFY, 0, 2);
    replace("/etc/localtime", "second\n");
    expect_in_a_new_one(&f, true, "test $(cat /etc/localtime) = first"); // which has another one built
    expect_parked(&f, TEMPLATE_CODE, 2);                                 // not the other one that was there
    for (int i = 0; i < 2; i++)
        expect_in_a_new_one(&f, true, "test $(cat /etc/localtime) = second");
    sandboxd_finish(&f);
}

static void a_host_that_refuses_a_foundation_is_said_and_served(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    AUTO_FREE char *log = NULL;
    sandboxd_prepare(&f, mode);
    snprintf(f.log, sizeof(f.log), "%s/run/log", f.directory);
    f.without = NO_FOUNDATION;
    sandboxd_set(&f, "SANDBOX_POOL_CODE=1");
    sandboxd_start(&f);
    expect_parked(&f, TEMPLATE_CODE, 1);
    assert_int_equal(f.pool.foundation_error, ENOSYS);
    for (int i = 0; i < 2; i++) { // as tight as any other (escape.doors), and no copy of one
        expect_in_a_new_one(&f, true, "! test -e /sandbox/covered && ! touch /usr/x && touch /tmp/x");
        expect_parked(&f, TEMPLATE_CODE, 1);
    }
    assert_int_equal(read_file_at(AT_FDCWD, f.log, 1u << 20, &log, NULL), 0);
    const char *said = strstr(log, "sandboxes for commands have no foundation");
    assert_non_null(said);
    assert_null(strstr(said + 1, "sandboxes for commands have no foundation")); // once
    assert_non_null(strstr(said, strerror(ENOSYS)));
    sandboxd_finish(&f);
}

static void a_foundation_is_what_sandboxes_are_copied_from(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, NULL, 0, 1);
    assert_int_equal(f.pool.foundation_error, 0);
    expect_in_a_new_one(&f, true, "test -e /sandbox/covered");
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest refusals[] = {
        cmocka_unit_test(a_host_that_refuses_a_foundation_is_said_and_served),
        cmocka_unit_test(a_foundation_is_what_sandboxes_are_copied_from),
    };
    const struct CMUnitTest changes[] = {
        cmocka_unit_test(what_is_parked_shows_the_new_file),
        cmocka_unit_test(so_does_a_desktop),
        cmocka_unit_test(every_way_to_replace_one_is_seen),
        cmocka_unit_test(a_cold_start_shows_the_new_file),
        cmocka_unit_test(without_inotify_the_next_start_renews_the_rest),
    };
    int failed = sandboxd_run_tests(&mode, refusals, sizeof(refusals) / sizeof(refusals[0]));
    mode = SANDBOXD_DELEGATED;
    if (sandboxd_mode_possible(mode)) // who is not root can't replace files of the host
        failed += cmocka_run_group_tests_name("replaced files", changes, own_etc, NULL);
    return failed;
}
