// A sandbox-init that does not read its channel: it is stopped, as programs of its sandbox that took it over could stop it.
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/init_channel.h"
#include "lib/wire.h"
#include "tests/harness/sandboxd_fixture.h"

#define GROWTH_MAX_KB 256
#define BATCHES_MAX 200
#define PATIENT_S 600 // longer than a test
#define PID_1_MS 2000 // after that it is not waited for any more

static enum sandboxd_mode mode;
static uint64_t viewers;

static int attach(struct sandboxd_fixture *f, const struct id *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ATTACH,
                                       .attach = {.sandbox = *sandbox, .viewer = ++viewers}};
    int fd;
    sandboxd_send(f, &message);
    sandboxd_expect(f, SANDBOXD_ATTACHED, &fd);
    return fd;
}

static void expect_stream(struct sandboxd_fixture *f, const struct id *sandbox)
{
    uint8_t packet[STREAM_PACKET_MAX];
    AUTO_FD int stream = attach(f, sandbox);
    struct pollfd ready = {.fd = stream, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, sandboxd_deadline_ms()), 1);
    assert_true(recv(stream, packet, sizeof(packet), 0) > 2);
    assert_int_equal(packet[1], WIRE_HELLO); // after the flag byte
}

static unsigned count_viewers(struct sandboxd_fixture *f)
{
    struct sandboxd_message list = {.kind = SANDBOXD_LIST}, answer;
    unsigned count = 0;
    sandboxd_send(f, &list);
    while ((answer = sandboxd_expect_any(f)).kind != SANDBOXD_LIST_END) {
        assert_int_equal(answer.kind, SANDBOXD_ENTRY);
        count += answer.entry.viewers;
    }
    return count;
}

// As many viewers as there may be come and go, before they have seen anything: for each of them sandbox-init is sent a descriptor.
static void come_and_go(struct sandboxd_fixture *f, const struct id *sandbox)
{
    for (unsigned i = 0; i < VIEWER_MAX; i++)
        close(attach(f, sandbox));
    while (count_viewers(f) > 0)
        ;
}

static unsigned long number_in(const char *path, const char *name)
{
    AUTO_FREE char *text = NULL;
    assert_int_equal(read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
    const char *line = strstr(text, name);
    assert_non_null(line);
    return strtoul(line + strlen(name), NULL, 10);
}

// Descriptors that wait to be read from its channel.
static unsigned long count_waiting(pid_t init)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)init, INIT_CHANNEL_FD);
    return number_in(path, "scm_fds:");
}

struct held {
    unsigned long memory_kb;
    unsigned descriptors;
};

static struct held held_by(pid_t pid)
{
    char path[64];
    struct held held = {0};
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    held.memory_kb = number_in(path, "RssAnon:");
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        held.descriptors += entry->d_name[0] != '.';
    closedir(directory);
    return held;
}

static bool is_stopped(pid_t pid)
{
    char path[64];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    assert_int_equal(read_file_at(AT_FDCWD, path, 4096, &text, NULL), 0);
    return strstr(text, ") T ");
}

static void stop_and_wait(pid_t pid)
{
    assert_int_equal(kill(pid, SIGSTOP), 0);
    while (!is_stopped(pid))
        ;
}

// Whatever is answered here was answered while it did not read.
static void a_deaf_init_delays_and_costs_nobody(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create deaf = sandboxd_request(5), neighbour = sandboxd_request(6),
                           late = sandboxd_request(7);
    sandboxd_create(&f, &deaf);
    pid_t init = sandboxd_find_process(&f, "sandbox-init");
    stop_and_wait(init);
    sandboxd_create(&f, &neighbour);
    come_and_go(&f, &deaf.sandbox);
    come_and_go(&f, &neighbour.sandbox);
    struct held before = held_by(f.pid);
    unsigned batches = 0;
    for (unsigned long waiting = 0, last = 1; waiting != last; batches++) { // until it takes no more
        assert_true(batches < BATCHES_MAX);
        last = count_waiting(init);
        come_and_go(&f, &deaf.sandbox);
        waiting = count_waiting(init);
        assert_true(waiting >= VIEWER_MAX);
    }
    printf("%lu descriptors wait at most; %u viewers came\n", count_waiting(init), batches * VIEWER_MAX);
    expect_stream(&f, &neighbour.sandbox);
    expect_stream(&f, &deaf.sandbox); // its viewers see it all the same
    sandboxd_create(&f, &late);
    sandboxd_end(&f, &late.sandbox);
    while (count_viewers(&f) > 0)
        ;
    struct held after = held_by(f.pid);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_true(after.memory_kb <= before.memory_kb + GROWTH_MAX_KB);
    assert_true(is_stopped(init));
    sandboxd_end(&f, &deaf.sandbox);
    expect_stream(&f, &neighbour.sandbox);
    sandboxd_end(&f, &neighbour.sandbox);
    sandboxd_finish(&f);
}

static void send_create(struct sandboxd_fixture *f, const struct sandboxd_create *request)
{
    struct sandboxd_message create = {.kind = SANDBOXD_CREATE, .create = *request};
    sandboxd_send(f, &create);
}

// Waits until sandboxd has taken what was sent before: that one sandbox, which is not up.
static void expect_on_its_way(struct sandboxd_fixture *f, const struct sandboxd_create *request)
{
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(f, &list);
    struct sandboxd_entry entry = sandboxd_expect(f, SANDBOXD_ENTRY, NULL).entry;
    assert_true(id_equal(&entry.sandbox, &request->sandbox) && !entry.ready);
    sandboxd_expect(f, SANDBOXD_LIST_END, NULL);
}

static void expect_cold(struct sandboxd_fixture *f, const struct sandboxd_create *request)
{
    struct sandboxd_ready ready = sandboxd_expect(f, SANDBOXD_READY, NULL).ready;
    assert_true(id_equal(&ready.sandbox, &request->sandbox));
    assert_int_equal(ready.parked, 0);
}

static int park_a_deaf_one(struct sandboxd_fixture *f, pid_t *ret_init)
{
    sandboxd_expect_parked(f, 1);
    *ret_init = sandboxd_find_process(f, "sandbox-init");
    stop_and_wait(*ret_init);
    int pidfd = pidfd_open(*ret_init, 0);
    assert_true(pidfd >= 0);
    return pidfd;
}

static bool is_over(int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    return poll(&ended, 1, 0) == 1;
}

// A sandboxd whose one parked desktop is deaf, and claimed now. The caller closes the pidfd of its sandbox-init.
static int claim_a_deaf_one(struct sandboxd_fixture *f, int timeout_s, struct sandboxd_create *request)
{
    pid_t init;
    sandboxd_prepare(f, mode);
    f->parked = 1;
    sandboxd_set(f, "SANDBOX_START_TIMEOUT_SECS=%d", timeout_s);
    sandboxd_start(f);
    int deaf = park_a_deaf_one(f, &init);
    *request = sandboxd_request(5);
    sandboxd_script(f, request, "echo here");
    send_create(f, request);
    expect_on_its_way(f, request);
    return deaf;
}

// Parked, and deaf when it is claimed: its owner gets another one, with the home, after a share of the patience.
static void a_deaf_one_that_is_claimed_is_given_up(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FD int deaf = claim_a_deaf_one(&f, sandboxd_deadline_ms() * 2 / 5 / 1000, &request);
    expect_cold(&f, &request);
    assert_true(is_over(deaf));
    AUTO_FREE char *result = sandboxd_result(&f, &request);
    assert_string_equal(result, "here\n");
    sandboxd_end(&f, &request.sandbox);
    sandboxd_expect_parked(&f, 1);
    request.sandbox = id_new();
    sandboxd_create(&f, &request); // with the home that went through all of it
    assert_int_equal(f.ready.parked, 1);
    sandboxd_finish(&f);
}

static void one_that_dies_while_it_is_claimed_is_replaced(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_start_parked(&f, mode, 1);
    pid_t init;
    AUTO_FD int deaf = park_a_deaf_one(&f, &init);
    struct sandboxd_create request = sandboxd_request(5);
    send_create(&f, &request);
    expect_on_its_way(&f, &request);
    assert_int_equal(kill(init, SIGKILL), 0);
    expect_cold(&f, &request);
    assert_true(is_over(deaf));
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

// Its client gives up first.
static void a_claim_that_takes_too_long_for_its_client_has_failed(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FD int deaf = claim_a_deaf_one(&f, PATIENT_S, &request);
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = request.sandbox, .reason = STOP_START_FAILED}};
    sandboxd_send(&f, &stop);
    struct sandboxd_failed failed = sandboxd_expect(&f, SANDBOXD_FAILED, NULL).failed;
    assert_true(id_equal(&failed.sandbox, &request.sandbox));
    assert_int_equal(failed.error, ETIMEDOUT);
    assert_true(is_over(deaf));
    sandboxd_finish(&f);
}

// For as long as it takes the pool is refilled for others, and who is stopped meanwhile is not started again.
static void a_claim_that_takes_long_keeps_the_pool_from_nobody(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request, neighbour = sandboxd_request(6);
    AUTO_FD int deaf = claim_a_deaf_one(&f, PATIENT_S, &request);
    sandboxd_expect_parked(&f, 0);
    sandboxd_expect_parked(&f, 1);
    sandboxd_create(&f, &neighbour);
    assert_int_equal(f.ready.parked, 1);
    assert_false(is_over(deaf));
    sandboxd_end(&f, &request.sandbox);
    assert_true(is_over(deaf));
    sandboxd_end(&f, &neighbour.sandbox);
    sandboxd_finish(&f);
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Of the first sandbox, in microseconds of 100,000. -1: there is none.
static long long processor_limit(const struct sandboxd_fixture *f)
{
    static const char *const names[] = {"cpu.cfs_quota_us", "cpu.max"};
    for (unsigned i = 0; i < f->group_count * 2; i++) {
        char path[256];
        AUTO_FREE char *text = NULL;
        snprintf(path, sizeof(path), "%s/s0/%s", f->groups[i / 2], names[i % 2]);
        if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) == 0)
            return strtoll(text, NULL, 10);
    }
    return -1;
}

// While pid 1 is asked to end the rest, that may still run, with no more than before, or one processor where it had less.
static void end_with_processors(unsigned percent, long long expected)
{
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    request.limits.cpu_percent = percent;
    sandboxd_create(&f, &request);
    pid_t init = sandboxd_find_process(&f, "sandbox-init");
    stop_and_wait(init);
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = request.sandbox, .reason = STOP_USER}};
    long long asked_ms = now_ms();
    sandboxd_send(&f, &stop);
    count_viewers(&f); // the message before it was heeded
    long long limit = processor_limit(&f);
    assert_true(limit == (f.group_count > 0 ? expected : -1) || now_ms() - asked_ms >= PID_1_MS);
    kill(init, SIGCONT);
    assert_int_equal(sandboxd_expect_end(&f, &request.sandbox), STOP_USER);
    sandboxd_finish(&f);
}

static void the_processor_limit_holds_until_the_rest_is_dead(void **state)
{
    (void)state;
    end_with_processors(200, 200000);
    end_with_processors(50, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deaf_init_delays_and_costs_nobody),
        cmocka_unit_test(the_processor_limit_holds_until_the_rest_is_dead),
        cmocka_unit_test(a_deaf_one_that_is_claimed_is_given_up),
        cmocka_unit_test(one_that_dies_while_it_is_claimed_is_replaced),
        cmocka_unit_test(a_claim_that_takes_too_long_for_its_client_has_failed),
        cmocka_unit_test(a_claim_that_takes_long_keeps_the_pool_from_nobody),
    };
    sandboxd_choose_tests();
    mode = sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
