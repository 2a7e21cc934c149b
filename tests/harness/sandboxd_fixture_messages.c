// What is said to sandboxd, and awaited from it.
#include "tests/harness/sandboxd_fixture_private.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <string.h>

#include "lib/cleanup.h"

struct sandboxd_create sandboxd_request(uint32_t account)
{
    return (struct sandboxd_create){.sandbox = id_new(),
                                    .owner = id_new(),
                                    .account_number = account,
                                    .template_id = TEMPLATE_DESKTOP,
                                    .limits = {.memory_mb = 512, .cpu_percent = 200, .pids = 200},
                                    .policy = {.clipboard_to_sandbox = 1u << 20,
                                               .clipboard_to_browser = 1u << 20,
                                               .width_max = 3840,
                                               .height_max = 2160,
                                               .sound = 1}};
}

struct sandboxd_create sandboxd_request_command(uint32_t account)
{
    struct sandboxd_create request = sandboxd_request(account);
    request.template_id = TEMPLATE_CODE;
    request.policy = (struct stream_policy){0}; // nobody watches it
    return request;
}

void sandboxd_send(struct sandboxd_fixture *fixture, const struct sandboxd_message *message)
{
    assert_int_equal(sandboxd_message_send(fixture->client, message, CHANNEL_CLIENT, -1), 0);
}

static struct sandboxd_message receive(struct sandboxd_fixture *fixture, int *ret_fd)
{
    struct pollfd ready = {.fd = fixture->client, .events = POLLIN};
    struct sandboxd_message buffer, message = {0};
    AUTO_PACKET struct ipc_packet packet = {0};
    assert_int_equal(poll(&ready, 1, sandboxd_deadline_ms()), 1);
    assert_int_equal(ipc_receive(fixture->client, &buffer, sizeof(buffer), &packet), 0);
    assert_int_equal(
        sandboxd_message_decode(&buffer, packet.length, packet.fd_count, CHANNEL_SERVER, &message), 0);
    if (message.kind == SANDBOXD_POOL)
        fixture->pool = message.pool;
    if (message.kind == SANDBOXD_EGRESS)
        fixture->egress = message.egress;
    *ret_fd = steal_fd(&packet.fds[0]);
    return message;
}

void sandboxd_expect_parked(struct sandboxd_fixture *fixture, unsigned count)
{
    while (fixture->pool.rows[TEMPLATE_DESKTOP].ready != count)
        sandboxd_expect(fixture, SANDBOXD_POOL, NULL);
}

struct sandboxd_message sandboxd_expect_any(struct sandboxd_fixture *fixture)
{
    AUTO_FD int fd = -1;
    struct sandboxd_message message;
    do
        message = receive(fixture, &fd);
    while (message.kind == SANDBOXD_POOL || message.kind == SANDBOXD_EGRESS);
    return message;
}

struct sandboxd_message sandboxd_expect(struct sandboxd_fixture *fixture, uint32_t kind, int *ret_fd)
{
    AUTO_FD int fd = -1;
    struct sandboxd_message message;
    do
        message = receive(fixture, &fd);
    while (message.kind != kind &&
           (message.kind == SANDBOXD_POOL || message.kind == SANDBOXD_EGRESS)); // they come between any two
    if (message.kind == SANDBOXD_FAILED && kind != SANDBOXD_FAILED)
        print_error("start failed: %s: %s\n", start_stage_name(message.failed.stage),
                    strerror(message.failed.error));
    assert_int_equal(message.kind, kind);
    if (ret_fd)
        *ret_fd = steal_fd(&fd);
    return message;
}

void sandboxd_create(struct sandboxd_fixture *fixture, const struct sandboxd_create *request)
{
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = *request};
    sandboxd_send(fixture, &message);
    message = sandboxd_expect(fixture, SANDBOXD_READY, NULL);
    assert_true(id_equal(&message.ready.sandbox, &request->sandbox));
    fixture->ready = message.ready;
}

enum stop_reason sandboxd_expect_end(struct sandboxd_fixture *fixture, const struct id *sandbox)
{
    struct sandboxd_message message = sandboxd_expect(fixture, SANDBOXD_ENDED, NULL);
    assert_true(id_equal(&message.ended.sandbox, sandbox));
    return message.ended.reason;
}

void sandboxd_end(struct sandboxd_fixture *fixture, const struct id *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_STOP,
                                       .stop = {.sandbox = *sandbox, .reason = STOP_USER}};
    sandboxd_send(fixture, &message);
    assert_int_equal(sandboxd_expect_end(fixture, sandbox), STOP_USER);
}
