// What a test that failed leaves behind: its sandboxd ends with the test program, but a sandbox-init that was stopped hears of no end.
#include "tests/harness/sandboxd_fixture_private.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define FIXTURES_MAX 32
#define CLEAR_S 10

static struct sandboxd_fixture kept[FIXTURES_MAX]; // the test's own is on a stack that a failure has left
static pid_t keeper;

static bool has_uid_of(const struct sandboxd_fixture *fixture, const char *pid)
{
    char path[300];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%s", pid);
    if (stat(path, &status) < 0)
        return false;
    if (fixture->mode == SANDBOXD_DELEGATED && status.st_uid > fixture->uid_base &&
        status.st_uid - fixture->uid_base < UIDS_OF_A_NODE)
        return true;
    return status.st_uid == fixture->uid;
}

static void end(pid_t pid)
{
    AUTO_FD int pidfd = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
        poll(&ended, 1, CLEAR_S * 1000);
}

// The uids are the fixture's alone, but for a test of a plain user: those of its processes have no uid that tells them.
static void end_processes(const struct sandboxd_fixture *fixture)
{
    if (fixture->pid > 0)
        end(fixture->pid);
    DIR *processes = geteuid() == 0 ? opendir("/proc") : NULL;
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_uid_of(fixture, entry->d_name))
            end((pid_t)strtol(entry->d_name, NULL, 10));
    }
    if (processes)
        closedir(processes);
}

// A group may be held for a moment by who has just left it.
static int remove_group(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)position;
    time_t deadline = time(NULL) + CLEAR_S;
    while (kind == FTW_DP && rmdir(path) < 0 && errno == EBUSY && time(NULL) < deadline)
        poll(NULL, 0, 1);
    return 0;
}

static void clear(void)
{
    if (getpid() != keeper)
        return; // a child of the test
    for (size_t i = 0; i < FIXTURES_MAX; i++) {
        if (!*kept[i].directory)
            continue;
        fprintf(stderr, "%s: what a failed test left is removed\n", kept[i].directory);
        end_processes(&kept[i]);
        for (unsigned k = 0; k < kept[i].group_count; k++)
            nftw(kept[i].groups[k], remove_group, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        nftw(kept[i].directory, sandboxd_remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    }
}

void sandboxd_remember(const struct sandboxd_fixture *fixture)
{
    struct sandboxd_fixture *place = NULL;
    for (size_t i = 0; i < FIXTURES_MAX; i++) {
        if (strcmp(kept[i].directory, fixture->directory) == 0)
            place = &kept[i];
        else if (!place && !*kept[i].directory)
            place = &kept[i];
    }
    assert_non_null(place);
    *place = *fixture;
    if (!keeper)
        assert_int_equal(atexit(clear), 0);
    keeper = getpid();
}

void sandboxd_forget(const struct sandboxd_fixture *fixture)
{
    for (size_t i = 0; i < FIXTURES_MAX; i++) {
        if (strcmp(kept[i].directory, fixture->directory) == 0)
            kept[i] = (struct sandboxd_fixture){0};
    }
}
