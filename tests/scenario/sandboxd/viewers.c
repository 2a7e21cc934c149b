// Streamers as sandboxd starts them: one per viewer, each in its own confinement.
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
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/wire.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static int attach(struct sandboxd_fixture *f, const struct id *sandbox, uint64_t viewer)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ATTACH,
                                       .attach = {.sandbox = *sandbox, .viewer = viewer}};
    int fd;
    sandboxd_send(f, &message);
    message = sandboxd_expect(f, SANDBOXD_ATTACHED, &fd);
    assert_true(id_equal(&message.attached.sandbox, sandbox));
    assert_int_equal(message.attached.viewer, viewer);
    return fd;
}

static int attach_error(struct sandboxd_fixture *f, const struct id *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ATTACH,
                                       .attach = {.sandbox = *sandbox, .viewer = 99}};
    sandboxd_send(f, &message);
    return sandboxd_expect(f, SANDBOXD_ATTACH_FAILED, NULL).attach_failed.error;
}

static void expect_hello(int stream)
{
    uint8_t packet[STREAM_PACKET_MAX];
    struct pollfd ready = {.fd = stream, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, sandboxd_deadline_ms()), 1);
    assert_true(recv(stream, packet, sizeof(packet), 0) > 2);
    assert_int_equal(packet[1], WIRE_HELLO); // after the flag byte
}

// Reads what is under way until the end of the stream.
static void expect_end(int stream)
{
    uint8_t packet[STREAM_PACKET_MAX];
    struct pollfd ready = {.fd = stream, .events = POLLIN};
    ssize_t length;
    do {
        assert_int_equal(poll(&ready, 1, sandboxd_deadline_ms()), 1);
        length = recv(stream, packet, sizeof(packet), 0);
    } while (length > 0);
    assert_int_equal(length, 0);
}

static void a_stream_begins_with_hello(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    assert_int_equal(attach_error(&f, &request.sandbox), ENOENT);
    sandboxd_create(&f, &request);
    AUTO_FD int stream = attach(&f, &request.sandbox, 1);
    expect_hello(stream);
    sandboxd_end(&f, &request.sandbox);
    expect_end(stream);
    sandboxd_finish(&f);
}

static void a_streamer_is_confined(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    sandboxd_create(&f, &request);
    AUTO_FD int stream = attach(&f, &request.sandbox, 1);
    expect_hello(stream);
    pid_t pid = sandboxd_find_process(&f, "sandbox-streame");
    assert_true(pid > 0);
    char path[64];
    struct stat streamer, init;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    assert_int_equal(stat(path, &streamer), 0);
    snprintf(path, sizeof(path), "/proc/%d", (int)sandboxd_find_process(&f, "sandbox-init"));
    assert_int_equal(stat(path, &init), 0);
    assert_true((streamer.st_uid != init.st_uid) == (mode == SANDBOXD_DELEGATED));
    AUTO_FREE char *status = NULL;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    assert_int_equal(read_file_at(AT_FDCWD, path, 8192, &status, NULL), 0);
    static const char *const lines[] = {"CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000",
                                        "NoNewPrivs:\t1", "Seccomp:\t2"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_non_null(strstr(status, lines[i]));
    sandboxd_finish(&f);
}

static void viewers_are_counted(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    sandboxd_create(&f, &request);
    int streams[VIEWER_MAX];
    for (uint64_t i = 0; i < VIEWER_MAX; i++)
        streams[i] = attach(&f, &request.sandbox, i);
    assert_int_equal(attach_error(&f, &request.sandbox), EUSERS);
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(&f, &list);
    assert_int_equal(sandboxd_expect(&f, SANDBOXD_ENTRY, NULL).entry.viewers, VIEWER_MAX);
    sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);
    for (size_t i = 0; i < VIEWER_MAX; i++)
        close(streams[i]);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void a_killed_streamer_leaves_the_desktop(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(5);
    sandboxd_create(&f, &request);
    AUTO_FD int first = attach(&f, &request.sandbox, 1);
    expect_hello(first);
    assert_int_equal(kill(sandboxd_find_process(&f, "sandbox-streame"), SIGKILL), 0);
    expect_end(first);
    AUTO_FD int second = attach(&f, &request.sandbox, 2);
    expect_hello(second);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_begins_with_hello),
        cmocka_unit_test(a_streamer_is_confined),
        cmocka_unit_test(viewers_are_counted),
        cmocka_unit_test(a_killed_streamer_leaves_the_desktop),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
