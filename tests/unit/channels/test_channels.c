// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
// The codecs of the channels: everything that is not exactly a message is refused.
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/init_channel.h"
#include "lib/sandboxd_channel.h"
#include "lib/streamer_channel.h"

static const struct sandboxd_message create = {.kind = SANDBOXD_CREATE,
                                               .create = {.sandbox = {{1}},
                                                          .owner = {{2}},
                                                          .account_number = 1,
                                                          .limits = {512, 100, 100},
                                                          .policy = {.width_max = 640, .height_max = 480}}};

static int decode(const struct sandboxd_message *message, size_t length, size_t fds, enum channel_side sender)
{
    struct sandboxd_message decoded = {.kind = 1234};
    int error = sandboxd_message_decode(message, length, fds, sender, &decoded);
    assert_true(error == 0 || decoded.kind == 1234); // untouched on failure
    return error;
}

static void every_kind_has_one_size(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 200; kind++) {
        size_t size = sandboxd_message_size(kind);
        if (size == 0)
            continue;
        struct sandboxd_message message = {.kind = kind};
        for (size_t length = 0; length <= sizeof(message); length++) {
            if (length != size) {
                assert_int_equal(decode(&message, length, 0, CHANNEL_CLIENT), -EPROTO);
                assert_int_equal(decode(&message, length, 0, CHANNEL_SERVER), -EPROTO);
            }
        }
    }
    assert_int_equal(sandboxd_message_size(0), 0);
    assert_int_equal(sandboxd_message_size(UINT32_MAX), 0);
}

static void sender_and_descriptors_must_fit(void **state)
{
    (void)state;
    size_t size = sandboxd_message_size(SANDBOXD_CREATE);
    assert_int_equal(decode(&create, size, 0, CHANNEL_CLIENT), 0);
    assert_int_equal(decode(&create, size, 0, CHANNEL_SERVER), -EPROTO);
    assert_int_equal(decode(&create, size, 1, CHANNEL_CLIENT), -EPROTO);
    struct sandboxd_message attached = {.kind = SANDBOXD_ATTACHED};
    size = sandboxd_message_size(SANDBOXD_ATTACHED);
    assert_int_equal(decode(&attached, size, 1, CHANNEL_SERVER), 0);
    assert_int_equal(decode(&attached, size, 0, CHANNEL_SERVER), -EPROTO);
}

static void ranges_are_checked(void **state)
{
    (void)state;
    size_t size = sandboxd_message_size(SANDBOXD_CREATE);
    struct sandboxd_message m = create;
    m.create.account_number = 0;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m.create.account_number = ACCOUNT_NUMBER_MAX + 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.create.limits.pids = PID_LIMIT_MAX + 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.create.policy.clipboard_to_browser = CLIPBOARD_MAX + 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.create.policy.width_max = DISPLAY_WIDTH_MAX + 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.create.policy.microphone = 2;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.create.policy.reserved[1] = 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.create.owner = (struct id){0};
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = create;
    m.reserved = 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = {{1}}, .reason = STOP_REASON_COUNT}};
    assert_int_equal(decode(&stop, sandboxd_message_size(SANDBOXD_STOP), 0, CHANNEL_CLIENT), -EPROTO);
}

static void limits_of_a_running_sandbox_are_checked(void **state)
{
    (void)state;
    struct sandboxd_message m = {.kind = SANDBOXD_SET_LIMITS,
                                 .set_limits = {.sandbox = {{1}}, .limits = create.create.limits}};
    size_t size = sandboxd_message_size(SANDBOXD_SET_LIMITS);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), 0);
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), -EPROTO);
    assert_int_equal(decode(&m, size - 1, 0, CHANNEL_CLIENT), -EPROTO);
    m.set_limits.limits.memory_mb = MEMORY_LIMIT_MIN_MB - 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m.set_limits.limits = create.create.limits;
    m.set_limits.sandbox = (struct id){0};
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);

    struct sandboxd_message answer = {.kind = SANDBOXD_LIMITS_SET,
                                      .limits_set = {.sandbox = {{1}}, .error = ENOENT}};
    size = sandboxd_message_size(SANDBOXD_LIMITS_SET);
    assert_int_equal(decode(&answer, size, 0, CHANNEL_SERVER), 0);
    assert_int_equal(decode(&answer, size, 0, CHANNEL_CLIENT), -EPROTO);
    answer.limits_set.error = 0; // in force, but without numbers
    assert_int_equal(decode(&answer, size, 0, CHANNEL_SERVER), -EPROTO);
    answer.limits_set.error = -1;
    assert_int_equal(decode(&answer, size, 0, CHANNEL_SERVER), -EPROTO);
}

static void messages_cross_a_socket(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(ipc_pair(0, pair), 0);
    AUTO_FD int a = pair[0];
    AUTO_FD int b = pair[1];
    struct sandboxd_message attached = {.kind = SANDBOXD_ATTACHED,
                                        .attached = {.sandbox = {{9}}, .viewer = 7}};
    assert_int_equal(sandboxd_message_send(a, &attached, CHANNEL_SERVER, a), 0);
    struct sandboxd_message buffer, received;
    struct ipc_packet packet;
    assert_int_equal(ipc_receive(b, &buffer, sizeof(buffer), &packet), 0);
    assert_int_equal(
        sandboxd_message_decode(&buffer, packet.length, packet.fd_count, CHANNEL_SERVER, &received), 0);
    assert_int_equal(received.attached.viewer, 7);
    ipc_packet_finish(&packet);
}

static void init_messages_are_checked(void **state)
{
    (void)state;
    struct init_message decoded,
        m = {.kind = INIT_START_DESKTOP,
             .start_desktop = {.width_max = 3840, .height_max = 2160, .width = 1920, .height = 1080}};
    size_t size = init_message_size(INIT_START_DESKTOP);
    assert_int_equal(init_message_decode(&m, size, 1, INIT_SIDE_SANDBOXD, &decoded), 0);
    assert_int_equal(init_message_decode(&m, size, 0, INIT_SIDE_SANDBOXD, &decoded), -EPROTO);
    assert_int_equal(init_message_decode(&m, size, 1, INIT_SIDE_INIT, &decoded), -EPROTO);
    assert_int_equal(init_message_decode(&m, size - 1, 1, INIT_SIDE_SANDBOXD, &decoded), -EPROTO);
    m.start_desktop.width = 3841;
    assert_int_equal(init_message_decode(&m, size, 1, INIT_SIDE_SANDBOXD, &decoded), -EPROTO);
    struct init_message run = {.kind = INIT_RUN, .run = {.count = 2, .length = 5, .text = "a\0bc"}};
    size = init_message_size(INIT_RUN);
    assert_int_equal(init_message_decode(&run, size, 0, INIT_SIDE_SANDBOXD, &decoded), 0);
    assert_int_equal(init_message_decode(&run, size, 0, INIT_SIDE_INIT, &decoded), -EPROTO);
    static const struct command_words wrong[] = {{.count = 1, .length = 5, .text = "a\0bc"},
                                                 {.count = 3, .length = 5, .text = "a\0bc"},
                                                 {.count = 2, .length = 4, .text = "a\0bc"},
                                                 {.count = 0, .length = 0},
                                                 {.count = 1, .length = 1},
                                                 {.count = 1, .length = COMMAND_TEXT_MAX + 1, .text = "a"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        run.run = wrong[i];
        assert_int_equal(init_message_decode(&run, size, 0, INIT_SIDE_SANDBOXD, &decoded), -EPROTO);
    }
    struct init_message failed = {.kind = INIT_FAILED, .failed = {.stage = START_HOME, .error = 1}};
    size = init_message_size(INIT_FAILED);
    assert_int_equal(init_message_decode(&failed, size, 0, INIT_SIDE_INIT, &decoded), -EPROTO);
    failed.failed = (struct init_failed){.stage = START_DISPLAY, .error = 0};
    assert_int_equal(init_message_decode(&failed, size, 0, INIT_SIDE_INIT, &decoded), -EPROTO);
    failed.failed.error = 5;
    assert_int_equal(init_message_decode(&failed, size, 0, INIT_SIDE_INIT, &decoded), 0);
}

static void streamer_start_is_checked(void **state)
{
    (void)state;
    const struct streamer_start good = {.magic = STREAMER_START_MAGIC,
                                        .width = 1920,
                                        .height = 1080,
                                        .framerate = 60,
                                        .bitrate_kbps = 8000,
                                        .policy = {.width_max = 640, .height_max = 480},
                                        .codec = "libx264",
                                        .preset = "ultrafast",
                                        .tune = "zerolatency"};
    assert_int_equal(streamer_start_check(&good, sizeof(good)), 0);
    assert_int_equal(streamer_start_check(&good, sizeof(good) - 1), -EPROTO);
    struct streamer_start bad = good;
    bad.width = 0;
    assert_int_equal(streamer_start_check(&bad, sizeof(bad)), -EPROTO);
    bad = good;
    memset(bad.codec, 'x', sizeof(bad.codec));
    assert_int_equal(streamer_start_check(&bad, sizeof(bad)), -EPROTO);
    bad = good;
    bad.policy.sound = 2;
    assert_int_equal(streamer_start_check(&bad, sizeof(bad)), -EPROTO);
    bad = good;
    bad.alone = 2;
    assert_int_equal(streamer_start_check(&bad, sizeof(bad)), -EPROTO);
    bad = good;
    bad.view_only = 2;
    assert_int_equal(streamer_start_check(&bad, sizeof(bad)), -EPROTO);
    assert_int_equal(framebuffer_size(1920, 1080), FRAMEBUFFER_HEADER_SIZE + 1920 * 1080 * 4);
}

static void durations_are_counted_by_powers_of_two(void **state)
{
    (void)state;
    struct stream_report report = {0};
    const uint64_t times[] = {0, 1000, 1001, 2000, 1024000, 1024001, UINT64_C(100000000)};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        stream_histogram_add(&report.input, times[i]);
    assert_int_equal(report.input.buckets[0], 2);
    assert_int_equal(report.input.buckets[1], 2);
    assert_int_equal(report.input.buckets[10], 1);
    assert_int_equal(report.input.buckets[11], 2);
    assert_int_equal(stream_report_check(&report, sizeof(report)), 0);
    report.encode.sum_us = UINT64_MAX;
    assert_int_equal(stream_report_check(&report, sizeof(report)), -EPROTO);
}

static void ids_have_one_spelling(void **state)
{
    (void)state;
    struct id id, parsed;
    char text[ID_TEXT_SIZE];
    assert_int_equal(id_parse("0190a5c8-7D3f-7abc-8def-0123456789ab", &id), 0);
    id_format(&id, text);
    assert_string_equal(text, "0190a5c8-7d3f-7abc-8def-0123456789ab");
    static const char *const wrong[] = {"",
                                        "0190a5c8-7d3f-7abc-8def-0123456789a",
                                        "0190a5c8-7d3f-7abc-8def-0123456789ab0",
                                        "0190a5c87d3f-7abc-8def-0123456789ab-",
                                        "0190a5c8-7d3f-7abc-8def-0123456789ag",
                                        "../../../../../../../../../etc/passw"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(id_parse(wrong[i], &parsed), -EINVAL);
    struct id a = id_new(), b = id_new();
    assert_false(id_equal(&a, &b));
    assert_int_equal(a.bytes[6] >> 4, 7); // RFC 9562, version 7
}

static void network_messages_are_checked(void **state)
{
    (void)state;
    struct sandboxd_message m = {.kind = SANDBOXD_NETWORK_BEGIN,
                                 .network_begin = {EGRESS_RULES_MAX, EGRESS_HEADERS_MAX}};
    size_t size = sandboxd_message_size(SANDBOXD_NETWORK_BEGIN);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), 0);
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), -EPROTO);
    m.network_begin.rule_count++;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);

    m = (struct sandboxd_message){.kind = SANDBOXD_NETWORK_RULE};
    size = sandboxd_message_size(SANDBOXD_NETWORK_RULE);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    assert_int_equal(egress_rule_parse("*.example.org:80,443", &m.network_rule), 0);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), 0);
    m.network_rule.ranges[3].last = 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);

    m = (struct sandboxd_message){.kind = SANDBOXD_NETWORK_HEADER,
                                  .network_header = {.name = "X", .value = "y"}};
    size = sandboxd_message_size(SANDBOXD_NETWORK_HEADER);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), 0);
    m.network_header.value[4] = 'z'; // behind its end
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);

    m = (struct sandboxd_message){.kind = SANDBOXD_SET_NETWORK, .set_network = {create.create.sandbox, 1}};
    size = sandboxd_message_size(SANDBOXD_SET_NETWORK);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), 0);
    m.set_network.serial = 0;
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m = (struct sandboxd_message){.kind = SANDBOXD_ENTRY_HEADER, .entry_header = {.name = "X-Key"}};
    size = sandboxd_message_size(SANDBOXD_ENTRY_HEADER);
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), 0);
    assert_int_equal(decode(&m, size, 0, CHANNEL_CLIENT), -EPROTO);
    m.entry_header.name[10] = 'x'; // behind its end
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), -EPROTO);
    m = (struct sandboxd_message){.kind = SANDBOXD_ENTRY_HEADER, .entry_header = {.name = "Content-Length"}};
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), -EPROTO);
    m = (struct sandboxd_message){.kind = SANDBOXD_ENTRY_RULE};
    size = sandboxd_message_size(SANDBOXD_ENTRY_RULE);
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), -EPROTO);
    m = (struct sandboxd_message){.kind = SANDBOXD_ENTRY, .entry = {.limits = create.create.limits}};
    size = sandboxd_message_size(SANDBOXD_ENTRY);
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), 0);
    m.entry.rule_count = EGRESS_RULES_MAX + 1;
    assert_int_equal(decode(&m, size, 0, CHANNEL_SERVER), -EPROTO);

    m = create;
    m.create.network = 2;
    assert_int_equal(decode(&m, sandboxd_message_size(SANDBOXD_CREATE), 0, CHANNEL_CLIENT), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_messages_are_checked),
        cmocka_unit_test(every_kind_has_one_size),
        cmocka_unit_test(sender_and_descriptors_must_fit),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(limits_of_a_running_sandbox_are_checked),
        cmocka_unit_test(messages_cross_a_socket),
        cmocka_unit_test(init_messages_are_checked),
        cmocka_unit_test(streamer_start_is_checked),
        cmocka_unit_test(durations_are_counted_by_powers_of_two),
        cmocka_unit_test(ids_have_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
