#include "tests/scenario/sandboxd/tick_process.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

#define THREADS_MAX 1025
#define TICKS 200
#define SAMPLES 5
#define PAUSE_MS 10

void tick_watch(struct tick *tick, pid_t pid)
{
    *tick = (struct tick){.pid = pid, .pidfd = pidfd_open(pid, 0), .load = -1, .life = -1};
    assert_true(tick->pidfd >= 0);
    clock_gettime(CLOCK_MONOTONIC, &tick->deadline);
    tick->deadline.tv_sec += sandboxd_deadline_ms() / 1000;
}

void tick_forget(struct tick *tick)
{
    cleanup_fd(&tick->pidfd);
    cleanup_fd(&tick->load);
    cleanup_fd(&tick->life);
}

void tick_wait(const struct tick *tick)
{
    struct pollfd ended = {.fd = tick->pidfd, .events = POLLIN};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(now.tv_sec <= tick->deadline.tv_sec);
    assert_int_equal(poll(&ended, 1, PAUSE_MS), 0);
}

void tick_expect_end(const struct tick *tick)
{
    struct pollfd ended = {.fd = tick->pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, sandboxd_deadline_ms()), 1);
}

char *tick_read_status(pid_t pid, const char *thread)
{
    char path[64];
    char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", (int)pid, thread);
    assert_int_equal(read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
    return text;
}

static bool has(const char *status, const char *line)
{
    return strstr(status, line);
}

// How often its threads have gone to sleep: the first one, which takes the samples, and all others.
struct counts {
    uint64_t samples;
    uint64_t ticks[THREADS_MAX];
    unsigned threads;
};

static struct counts count(const struct tick *tick)
{
    static const char key[] = "\nvoluntary_ctxt_switches:\t";
    struct counts counts = {0};
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)tick->pid);
    DIR *threads = opendir(path);
    assert_non_null(threads);
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.')
            continue;
        AUTO_FREE char *status = tick_read_status(tick->pid, entry->d_name);
        const char *found = strstr(status, key);
        assert_non_null(found);
        uint64_t number = strtoull(found + strlen(key), NULL, 10);
        if (strtol(entry->d_name, NULL, 10) == tick->pid)
            counts.samples = number;
        else if (counts.threads < THREADS_MAX)
            counts.ticks[counts.threads++] = number;
    }
    closedir(threads);
    return counts;
}

void tick_until_confined(const struct tick *tick)
{
    char thread[16];
    snprintf(thread, sizeof(thread), "%d", (int)tick->pid);
    for (bool confined = false; !confined;) {
        AUTO_FREE char *status = tick_read_status(tick->pid, thread);
        confined = has(status, "\nSeccomp:\t2\n");
        if (!confined)
            tick_wait(tick);
    }
}

void tick_until_it_ticks(const struct tick *tick)
{
    struct counts before = count(tick);
    cpu_set_t processors;
    assert_int_equal(sched_getaffinity(0, sizeof(processors), &processors), 0); // sandboxd's too
    assert_int_equal(before.threads, CPU_COUNT(&processors));
    for (bool all = false; !all;) {
        tick_wait(tick);
        struct counts now = count(tick);
        all = true;
        for (unsigned i = 0; i < now.threads; i++)
            all &= now.ticks[i] >= before.ticks[i] + TICKS;
    }
}

void tick_until_quiet(const struct tick *tick)
{
    struct counts before = count(tick), now = before;
    while (now.samples < before.samples + SAMPLES) {
        tick_wait(tick);
        now = count(tick);
        if (memcmp(now.ticks, before.ticks, sizeof(now.ticks)) != 0)
            before = now;
    }
}
