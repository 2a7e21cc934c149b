// Limits of a running sandbox: changed while it runs, and met.
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
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

static const struct sandbox_limits smaller = {.memory_mb = 384, .cpu_percent = 50, .pids = 100};
static const struct sandbox_limits larger = {.memory_mb = 1024, .cpu_percent = 100, .pids = 300};

static struct sandboxd_limits_set set_limits(struct sandboxd_fixture *f, const struct id *sandbox,
                                             const struct sandbox_limits *limits)
{
    struct sandboxd_message message = {.kind = SANDBOXD_SET_LIMITS,
                                       .set_limits = {.sandbox = *sandbox, .limits = *limits}};
    sandboxd_send(f, &message);
    message = sandboxd_expect(f, SANDBOXD_LIMITS_SET, NULL);
    assert_true(id_equal(&message.limits_set.sandbox, sandbox));
    return message.limits_set;
}

// The number in the first of these files that one of the sandbox's groups has.
static long long in_force(const struct sandboxd_fixture *f, const char *v1, const char *v2)
{
    for (unsigned i = 0; i < f->group_count; i++) {
        const char *const names[] = {v1, v2};
        for (unsigned k = 0; k < 2; k++) {
            char path[256];
            AUTO_FREE char *text = NULL;
            snprintf(path, sizeof(path), "%s/s0/%s", f->groups[i], names[k]);
            if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) == 0)
                return strtoll(text, NULL, 10);
        }
    }
    return -1;
}

static void expect_in_force(const struct sandboxd_fixture *f, const struct sandbox_limits *limits)
{
    assert_int_equal(in_force(f, "memory.limit_in_bytes", "memory.max"), (long long)limits->memory_mb << 20);
    assert_int_equal(in_force(f, "pids.max", "pids.max"), limits->pids);
    assert_int_equal(in_force(f, "cpu.cfs_quota_us", "cpu.max"), limits->cpu_percent * 1000);
    bool v2 = in_force(f, "memory.limit_in_bytes", "") < 0;
    assert_int_equal(in_force(f, "cpu.shares", "cpu.weight"), limits->cpu_percent * (v2 ? 100 : 1024) / 100);
}

static void limits_change_while_it_runs(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    sandboxd_create(&f, &request);
    expect_in_force(&f, &request.limits);
    const struct sandbox_limits *const steps[] = {&smaller, &larger, &smaller};
    for (size_t i = 0; i < 3; i++) {
        struct sandboxd_limits_set answer = set_limits(&f, &request.sandbox, steps[i]);
        assert_int_equal(answer.error, 0);
        assert_memory_equal(&answer.limits, steps[i], sizeof(*steps[i]));
        expect_in_force(&f, steps[i]);
    }
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(&f, &list);
    list = sandboxd_expect(&f, SANDBOXD_ENTRY, NULL);
    assert_memory_equal(&list.entry.limits, &smaller, sizeof(smaller));
    sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);

    struct sandbox_limits too_much = {MEMORY_LIMIT_MAX_MB, 100, 100};
    assert_int_equal(set_limits(&f, &request.sandbox, &too_much).error, ERANGE);
    expect_in_force(&f, &smaller);
    struct id nobody = id_new();
    assert_int_equal(set_limits(&f, &nobody, &larger).error, ENOENT);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void without_groups_no_limit_changes(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, SANDBOXD_PLAIN);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    sandboxd_create(&f, &request);
    assert_int_equal(set_limits(&f, &request.sandbox, &smaller).error, ENOTSUP);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

// Files in memory belong to no process: when they fill it, the killer comes to the display in the end.
static void memory_that_nobody_gives_back_ends_it(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    request.limits.memory_mb = MEMORY_LIMIT_MIN_MB;
    sandboxd_script(&f, &request,
                    "for f in /tmp/a /dev/shm/b; do cat /dev/zero >$f & done; wait\n"
                    "while :; do cat /dev/zero >>/tmp/a; cat /dev/zero >>/dev/shm/b; done");
    sandboxd_create(&f, &request);
    assert_int_equal(sandboxd_expect_end(&f, &request.sandbox), STOP_MEMORY);
    sandboxd_finish(&f);
}

// Its processor time so far, in ticks.
static unsigned long ticks_of(pid_t pid)
{
    char path[32];
    AUTO_FREE char *text = NULL;
    unsigned long user, system;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    assert_int_equal(read_file_at(AT_FDCWD, path, 4096, &text, NULL), 0);
    assert_int_equal(sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                            &user, &system),
                     2);
    return user + system;
}

// As its own user: root may lack the capability.
static rlim_t change_limit(const struct sandboxd_fixture *f, __rlimit_resource_t resource, rlim_t soft)
{
    struct result {
        int error;
        rlim_t before;
    } result = {0};
    int channel[2];
    assert_int_equal(ipc_pair(0, channel), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {0};
        if (setresgid(f->uid, f->uid, f->uid) < 0 || setresuid(f->uid, f->uid, f->uid) < 0 ||
            prlimit(f->pid, resource, NULL, &limit) < 0)
            result.error = errno;
        result.before = limit.rlim_cur;
        limit.rlim_cur = soft;
        if (!result.error && prlimit(f->pid, resource, &limit, NULL) < 0)
            result.error = errno;
        _exit(ipc_send(channel[1], &result, sizeof(result), NULL, 0) < 0);
    }
    AUTO_PACKET struct ipc_packet packet = {0};
    assert_int_equal(ipc_receive(channel[0], &result, sizeof(result), &packet), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(channel[0]);
    close(channel[1]);
    assert_int_equal(result.error, 0);
    return result.before;
}

static void descriptors_are_asked_for_and_waited_for(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct rlimit own;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &own), 0);
    struct rlimit low = {.rlim_cur = 128, .rlim_max = own.rlim_max};
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    sandboxd_start(&f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &own), 0);
    rlim_t raised = change_limit(&f, RLIMIT_NOFILE, 3); // none is free
    assert_true(raised > low.rlim_cur);
    unsigned long before = ticks_of(f.pid);
    AUTO_FD int client = -1;
    assert_int_equal(ipc_connect(f.socket, &client), 0);
    struct pollfd answered = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&answered, 1, 500), 0);
    assert_true(ticks_of(f.pid) - before < (unsigned long)sysconf(_SC_CLK_TCK) / 10);
    change_limit(&f, RLIMIT_NOFILE, raised);
    sandboxd_connect(&f);
    sandboxd_finish(&f);
}

static void expect_still_there(struct sandboxd_fixture *f, const struct id *sandbox)
{
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(f, &list);
    struct sandboxd_entry entry = sandboxd_expect(f, SANDBOXD_ENTRY, NULL).entry;
    assert_true(id_equal(&entry.sandbox, sandbox) && entry.ready);
    sandboxd_expect(f, SANDBOXD_LIST_END, NULL);
}

// READY, or FAILED with its reason.
static struct sandboxd_message try_to_create(struct sandboxd_fixture *f, struct sandboxd_create *request)
{
    request->sandbox = id_new();
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = *request};
    sandboxd_send(f, &message);
    message = sandboxd_expect_any(f);
    assert_true(message.kind == SANDBOXD_READY || (message.kind == SANDBOXD_FAILED && message.failed.error));
    if (message.kind == SANDBOXD_FAILED)
        printf("%s: %s\n", start_stage_name(message.failed.stage), strerror(message.failed.error));
    return message;
}

// A sandboxd with one sandbox that runs.
static void start_with_one(struct sandboxd_fixture *f, struct sandboxd_create *first)
{
    sandboxd_prepare(f, SANDBOXD_DELEGATED);
    sandboxd_start(f);
    *first = sandboxd_request(1);
    sandboxd_create(f, first);
}

static void a_start_without_processes_is_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create first, second = sandboxd_request(2);
    start_with_one(&f, &first);
    rlim_t before = change_limit(&f, RLIMIT_NPROC, 1);
    struct sandboxd_message answer = try_to_create(&f, &second);
    assert_int_equal(answer.kind, SANDBOXD_FAILED);
    assert_int_equal(answer.failed.error, EAGAIN);
    expect_still_there(&f, &first.sandbox);
    change_limit(&f, RLIMIT_NPROC, before);
    assert_int_equal(try_to_create(&f, &second).kind, SANDBOXD_READY);
    sandboxd_end(&f, &second.sandbox);
    sandboxd_end(&f, &first.sandbox);
    sandboxd_finish(&f);
}

static rlim_t data_of(pid_t pid)
{
    char path[32];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    assert_int_equal(read_file_at(AT_FDCWD, path, 4096, &text, NULL), 0);
    const char *line = strstr(text, "VmData:");
    assert_non_null(line);
    return strtoul(line + strlen("VmData:"), NULL, 10) << 10;
}

// Whichever memory is the first that can't be had, here or in who builds it.
static void a_start_without_memory_is_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create first, second = sandboxd_request(2);
    start_with_one(&f, &first);
    rlim_t before = change_limit(&f, RLIMIT_DATA, 4096);
    for (rlim_t more = 16384; try_to_create(&f, &second).kind != SANDBOXD_READY; more *= 2) {
        assert_true(more < (1u << 30));
        expect_still_there(&f, &first.sandbox);
        change_limit(&f, RLIMIT_DATA, data_of(f.pid) + more);
    }
    change_limit(&f, RLIMIT_DATA, before);
    sandboxd_end(&f, &second.sandbox);
    sandboxd_end(&f, &first.sandbox);
    sandboxd_finish(&f);
}

static rlim_t count_descriptors(const struct sandboxd_fixture *f)
{
    char path[32];
    rlim_t count = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", f->pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

// Whichever descriptor is the first that can't be had: the start fails with its reason, and who runs goes on.
static void a_start_without_descriptors_is_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create first, second = sandboxd_request(2);
    start_with_one(&f, &first);
    unsigned groups = sandboxd_count_groups(&f);
    rlim_t used = count_descriptors(&f), more = 0, raised = change_limit(&f, RLIMIT_NOFILE, used);
    for (; try_to_create(&f, &second).kind != SANDBOXD_READY; more++) {
        assert_true(more < 64);
        change_limit(&f, RLIMIT_NOFILE, used + more + 1);
    }
    change_limit(&f, RLIMIT_NOFILE, raised);
    sandboxd_end(&f, &second.sandbox);
    assert_int_equal(sandboxd_count_groups(&f), groups);
    // The last one that failed may still be ending. More than ten did.
    assert_true(more > 10 && count_descriptors(&f) <= used + 3);
    sandboxd_end(&f, &first.sandbox);
    sandboxd_finish(&f);
}

// A file system of its own for the homes, seen by this process and what it starts.
static void mount_homes(struct sandboxd_fixture *f, char path[static 128])
{
    snprintf(path, 128, "%s/homes", f->directory);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("homes", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=1m,nr_inodes=80"),
                     0);
    assert_int_equal(chown(path, f->uid, f->uid), 0);
}

// Until there is no room for another file; what it made last is number *ret_count - 1.
static void use_up_files(int homes, unsigned *ret_count)
{
    char name[16];
    for (*ret_count = 0; *ret_count < 200; ++*ret_count) {
        snprintf(name, sizeof(name), "full%u", *ret_count);
        AUTO_FD int fd = openat(homes, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
    }
    assert_int_equal(errno, ENOSPC);
}

static void use_up_space(int homes)
{
    static const char block[4096];
    AUTO_FD int fd = openat(homes, "full0", O_WRONLY | O_CLOEXEC);
    int error = 0;
    while (!error)
        error = write_all(fd, block, sizeof(block));
    assert_int_equal(error, -ENOSPC);
}

static void a_start_without_room_for_a_home_is_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    char path[128];
    unsigned count;
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    mount_homes(&f, path);
    sandboxd_start(&f);
    struct sandboxd_create first = sandboxd_request(1), second = sandboxd_request(2);
    sandboxd_create(&f, &first);
    int homes = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    use_up_files(homes, &count);
    unsigned groups = sandboxd_count_groups(&f);
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = second};
    sandboxd_send(&f, &message);
    struct sandboxd_failed failed = sandboxd_expect(&f, SANDBOXD_FAILED, NULL).failed;
    assert_int_equal(failed.stage, START_HOME);
    assert_int_equal(failed.error, ENOSPC);
    assert_int_equal(sandboxd_count_groups(&f), groups);
    expect_still_there(&f, &first.sandbox);
    // With a home that is there and no room in it the desktop comes up: how else could its owner make room?
    sandboxd_end(&f, &first.sandbox);
    use_up_space(homes);
    first.sandbox = id_new();
    sandboxd_create(&f, &first);
    assert_int_equal(unlinkat(homes, "full1", 0), 0);
    close(homes);
    sandboxd_create(&f, &second);
    sandboxd_end(&f, &first.sandbox);
    sandboxd_end(&f, &second.sandbox);
    sandboxd_stop(&f);
    assert_int_equal(umount2(path, MNT_DETACH), 0);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_change_while_it_runs),
        cmocka_unit_test(memory_that_nobody_gives_back_ends_it),
        cmocka_unit_test(descriptors_are_asked_for_and_waited_for),
        cmocka_unit_test(a_start_without_descriptors_is_refused),
        cmocka_unit_test(a_start_without_processes_is_refused),
        cmocka_unit_test(a_start_without_memory_is_refused),
        cmocka_unit_test(a_start_without_room_for_a_home_is_refused), // last: it leaves the mount namespace
    };
    const struct CMUnitTest plain[] = {cmocka_unit_test(without_groups_no_limit_changes)};
    int failed = 0;
    sandboxd_choose_tests();
    if (sandboxd_mode_possible(SANDBOXD_PLAIN))
        failed += cmocka_run_group_tests_name("plain", plain, NULL, NULL);
    if (sandboxd_mode_possible(SANDBOXD_DELEGATED))
        failed += cmocka_run_group_tests_name("delegated", tests, NULL, NULL);
    return failed;
}
