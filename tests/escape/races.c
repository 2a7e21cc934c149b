// Names swapped for symbolic links while the host side works on them (CVE-2024-28185, CVE-2024-28189): nothing outside the home is touched,
// whoever wins the race.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

#define ROUNDS 12
#define SWAPS_AT_LEAST 100

static enum sandboxd_mode mode;
static unsigned rounds = ROUNDS; // RACE_ROUNDS

// What a link leads to: a directory that the owner of the home may write, so that only the link itself is a reason to refuse it.
struct victim {
    char path[160];
    struct stat before;
};

static void make_victim(struct victim *victim, const struct sandboxd_fixture *f, uid_t owner)
{
    snprintf(victim->path, sizeof(victim->path), "%s/victim", f->directory);
    assert_int_equal(mkdir(victim->path, 0700), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(victim->path, owner, owner), 0);
    assert_int_equal(stat(victim->path, &victim->before), 0);
}

static void expect_untouched(const struct victim *victim)
{
    struct stat now;
    assert_int_equal(stat(victim->path, &now), 0);
    assert_int_equal(now.st_uid, victim->before.st_uid);
    assert_int_equal(now.st_gid, victim->before.st_gid);
    assert_int_equal(now.st_mode, victim->before.st_mode);
    assert_int_equal(now.st_ctim.tv_sec, victim->before.st_ctim.tv_sec);
    assert_int_equal(now.st_ctim.tv_nsec, victim->before.st_ctim.tv_nsec); // no entry came or went
    DIR *directory = opendir(victim->path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        assert_int_equal(entry->d_name[0], '.');
    closedir(directory);
}

struct swapper {
    pid_t pid;
    int tell;
    int count;
    int directory;
    const char *name;
};

// Exchanges a name with a link to the victim as fast as it can, until its pipe closes; then says how often.
__attribute__((noreturn)) static void swap(int directory, const char *name, int stop, int count)
{
    unsigned swaps = 0;
    for (struct pollfd ended = {.fd = stop, .events = POLLIN}; poll(&ended, 1, 0) == 0;)
        swaps += renameat2(directory, name, directory, ".swapped", RENAME_EXCHANGE) == 0;
    _exit(write_all(count, &swaps, sizeof(swaps)) < 0);
}

static struct swapper start_swapper(const char *directory, const char *name, const struct victim *victim,
                                    uid_t uid)
{
    int stop[2], count[2];
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(symlinkat(victim->path, fd, ".swapped"), 0);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    assert_int_equal(pipe2(count, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(stop[1]);
        if (geteuid() == 0 &&
            (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
            _exit(1);
        swap(fd, name, stop[0], count[1]);
    }
    close(stop[0]);
    close(count[1]);
    return (struct swapper){pid, stop[1], count[0], fd, name};
}

// As it was: the link is the other one, and goes. The swapper itself can't do that where the directory has been given to another uid meanwhile.
static void put_back(const struct swapper *swapper)
{
    struct stat status;
    assert_int_equal(fstatat(swapper->directory, swapper->name, &status, AT_SYMLINK_NOFOLLOW), 0);
    if (S_ISLNK(status.st_mode))
        assert_int_equal(
            renameat2(swapper->directory, swapper->name, swapper->directory, ".swapped", RENAME_EXCHANGE), 0);
    assert_int_equal(unlinkat(swapper->directory, ".swapped", 0), 0);
}

static void stop_swapper(struct swapper *swapper)
{
    unsigned swaps = 0;
    int status;
    close(swapper->tell);
    assert_int_equal(read(swapper->count, &swaps, sizeof(swaps)), sizeof(swaps));
    close(swapper->count);
    assert_int_equal(waitpid(swapper->pid, &status, 0), swapper->pid);
    assert_int_equal(status, 0);
    put_back(swapper);
    close(swapper->directory);
    assert_true(swaps >= SWAPS_AT_LEAST);
}

// Starts and ends a sandbox; a start that meets the link at a bad moment may fail, but for no other reason.
static bool start_once(struct sandboxd_fixture *f, const struct sandboxd_create *owner)
{
    struct sandboxd_message create = {.kind = SANDBOXD_CREATE, .create = *owner};
    create.create.sandbox = id_new();
    sandboxd_send(f, &create);
    struct sandboxd_message message = sandboxd_expect_any(f);
    if (message.kind == SANDBOXD_FAILED) {
        assert_int_equal(message.failed.stage, START_HOME);
        return false;
    }
    assert_int_equal(message.kind, SANDBOXD_READY);
    sandboxd_end(f, &create.create.sandbox);
    return true;
}

// The home itself is swapped, by someone who may write where homes are.
static void a_link_in_place_of_a_home_is_not_followed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct victim victim;
    char storage[128], home[160];
    unsigned started = 0;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    make_victim(&victim, &f, sandboxd_host_uid(&f, &request));
    assert_true(start_once(&f, &request)); // makes the home
    snprintf(storage, sizeof(storage), "%s/homes", f.directory);
    sandboxd_home(&f, &request, home);
    struct swapper swapper = start_swapper(storage, strrchr(home, '/') + 1, &victim, f.uid);
    for (unsigned i = 0; i < rounds; i++)
        started += start_once(&f, &request);
    stop_swapper(&swapper);
    printf("%u of %u sandboxes started\n", started, rounds);
    expect_untouched(&victim);
    sandboxd_finish(&f);
}

// The same while the home is made: no half of it may land elsewhere, nor be given away there.
static void a_link_in_place_of_a_new_home_is_not_followed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct victim victim;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    for (unsigned i = 0; i < 2; i++) {
        struct sandboxd_create request = sandboxd_request(5);
        char home[160], link[192];
        if (i == 0)
            make_victim(&victim, &f, sandboxd_host_uid(&f, &request));
        sandboxd_home(&f, &request, home);
        if (i == 0)
            snprintf(link, sizeof(link), "%s", home);
        else
            snprintf(link, sizeof(link), "%s/homes/.making-%s", f.directory, strrchr(home, '/') + 1);
        assert_int_equal(symlink(victim.path, link), 0);
        // In plain mode homes are made in one step, so that a link of that name is nothing.
        assert_int_equal(start_once(&f, &request), i == 1 && mode == SANDBOXD_PLAIN);
        assert_int_equal(unlink(link), 0);
    }
    expect_untouched(&victim);
    sandboxd_finish(&f);
}

// What a sandbox can do itself: swap what is in its home while its desktop, or another of the same owner, starts.
static void links_inside_a_home_lead_nowhere(void **state)
{
    (void)state;
    static const char *const names[] = {".config", ".bashrc"};
    struct sandboxd_fixture f;
    struct victim victim;
    char home[160];
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    uid_t owner = sandboxd_host_uid(&f, &request);
    make_victim(&victim, &f, owner);
    sandboxd_script(&f, &request, "true");
    sandboxd_create(&f, &request);
    AUTO_FREE char *text = sandboxd_result(&f, &request);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_home(&f, &request, home);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct swapper swapper = start_swapper(home, names[i], &victim, owner);
        for (unsigned round = 0; round < rounds / 2; round++)
            assert_true(start_once(&f, &request));
        stop_swapper(&swapper);
    }
    expect_untouched(&victim);
    sandboxd_finish(&f);
}

// A directory of the home is swapped while all of it is given to the uid of a parked sandbox.
static void links_under_a_home_that_is_given_away_lead_nowhere(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct victim victim;
    sandboxd_prepare(&f, mode);
    f.parked = 1;
    sandboxd_start(&f);
    unsigned started = 0;
    for (unsigned round = 0; round < rounds / 2; round++) {
        struct sandboxd_create request = sandboxd_request(5); // another owner with the number of the victim's
        uid_t owner = sandboxd_host_uid(&f, &request);
        char home[160], path[320];
        struct stat status;
        if (round == 0)
            make_victim(&victim, &f, owner);
        sandboxd_script(&f, &request, "true");
        sandboxd_home(&f, &request, home);
        snprintf(path, sizeof(path), "%s/swapped", home);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_true(geteuid() != 0 || chown(path, owner, owner) == 0);
        for (unsigned i = 0; i < 300; i++) {
            snprintf(path, sizeof(path), "%s/swapped/f%u", home, i);
            AUTO_FD int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            assert_true(file >= 0);
            assert_true(geteuid() != 0 || fchown(file, owner, owner) == 0);
        }
        sandboxd_expect_parked(&f, 1);
        struct swapper swapper = start_swapper(home, "swapped", &victim, owner);
        started += start_once(&f, &request);
        stop_swapper(&swapper);
        assert_true(start_once(&f, &request)); // whatever was cut off is finished
        assert_int_equal(stat(home, &status), 0);
        uid_t now = status.st_uid;
        snprintf(path, sizeof(path), "%s/swapped/f299", home);
        assert_int_equal(lstat(path, &status), 0);
        assert_int_equal(status.st_uid, now);
        expect_untouched(&victim);
    }
    printf("%u of %u sandboxes started\n", started, rounds / 2);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_in_place_of_a_home_is_not_followed),
        cmocka_unit_test(a_link_in_place_of_a_new_home_is_not_followed),
        cmocka_unit_test(links_inside_a_home_lead_nowhere),
        cmocka_unit_test(links_under_a_home_that_is_given_away_lead_nowhere),
    };
    if (getenv("RACE_ROUNDS"))
        rounds = (unsigned)strtoul(getenv("RACE_ROUNDS"), NULL, 10);
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
