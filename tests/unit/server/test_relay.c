#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/streamer_channel.h"
#include "server/clock.h"
#include "server/relay.h"

#define NOW (100 * SECOND_US)

static void test_packets_become_fragments(void **state)
{
    (void)state;
    struct relay_down down = {0};
    struct relay_fragment fragment;
    assert_int_equal(relay_down_packet(&down,
                                       (const uint8_t *)"\0"
                                                        "ab",
                                       3, &fragment),
                     0);
    assert_true(fragment.first && fragment.last && fragment.length == 2 && !down.inside);
    assert_memory_equal(fragment.data, "ab", 2);
    assert_int_equal(relay_down_packet(&down,
                                       (const uint8_t *)"\1"
                                                        "ab",
                                       3, &fragment),
                     0);
    assert_true(fragment.first && !fragment.last && down.inside);
    assert_int_equal(relay_down_packet(&down,
                                       (const uint8_t *)"\1"
                                                        "ab",
                                       3, &fragment),
                     0);
    assert_true(!fragment.first && !fragment.last && down.inside);
    assert_int_equal(relay_down_packet(&down,
                                       (const uint8_t *)"\0"
                                                        "ab",
                                       3, &fragment),
                     0);
    assert_true(!fragment.first && fragment.last && !down.inside);
}

static void test_wrong_packets(void **state)
{
    (void)state;
    struct relay_down down = {0};
    struct relay_fragment fragment;
    uint8_t *big = calloc(1, STREAM_PACKET_MAX + 1);
    assert_int_equal(relay_down_packet(&down, big, 0, &fragment), -EPROTO);
    assert_int_equal(relay_down_packet(&down, big, 1, &fragment), -EPROTO);
    assert_int_equal(relay_down_packet(&down,
                                       (const uint8_t *)"\2"
                                                        "z",
                                       2, &fragment),
                     -EPROTO);
    assert_int_equal(relay_down_packet(&down, big, STREAM_PACKET_MAX + 1, &fragment), -EPROTO);
    assert_false(down.inside);
    big[0] = STREAM_PACKET_MORE;
    size_t taken = 0;
    while (relay_down_packet(&down, big, STREAM_PACKET_MAX, &fragment) == 0)
        taken += fragment.length;
    assert_true(taken <= STREAM_MESSAGE_MAX && taken > STREAM_MESSAGE_MAX - STREAM_PACKET_MAX);
    free(big);
}

static void test_reports(void **state)
{
    (void)state;
    struct relay_down down = {0};
    struct stream_report report = {.video_frames = 3}, taken = {0};
    uint8_t packet[2 + sizeof(report)] = {STREAM_PACKET_REPORT};
    memcpy(packet + 1, &report, sizeof(report));
    assert_int_equal(relay_down_report(&down, packet, 1 + sizeof(report), &taken), 0);
    assert_int_equal(taken.video_frames, 3);
    assert_int_equal(relay_down_report(&down, packet, sizeof(report), &taken), -EPROTO);
    assert_int_equal(relay_down_report(&down, packet, 2 + sizeof(report), &taken), -EPROTO);
    packet[0] = STREAM_PACKET_REPORT | STREAM_PACKET_MORE;
    assert_int_equal(relay_down_report(&down, packet, 1 + sizeof(report), &taken), -EPROTO);
    packet[0] = STREAM_PACKET_REPORT;
    down.inside = true;
    assert_int_equal(relay_down_report(&down, packet, 1 + sizeof(report), &taken), -EPROTO);
    down.inside = false;
    report.input.buckets[3] = STREAM_REPORT_COUNT_MAX + 1;
    memcpy(packet + 1, &report, sizeof(report));
    assert_int_equal(relay_down_report(&down, packet, 1 + sizeof(report), &taken), -EPROTO);
}

static int give(struct relay_up *up, const void *data, size_t length, bool first, bool last)
{
    struct relay_piece piece = {.data = data, .length = length, .first = first, .last = last, .binary = true};
    return relay_up_piece(up, &piece, NOW);
}

static void test_whole_message(void **state)
{
    (void)state;
    struct relay_up up = {0};
    uint8_t pointer[12] = {WIRE_POINTER};
    assert_int_equal(give(&up, pointer, 12, true, true), 1);
    assert_int_equal(up.length, 12);
    assert_int_equal(up.packet[0], 0);
    assert_memory_equal(up.packet + 1, pointer, 12);
    assert_true(up.rule->activity);
    relay_up_reset(&up);
    relay_up_finish(&up);
}

static void test_pieces_are_joined(void **state)
{
    (void)state;
    struct relay_up up = {0};
    uint8_t key[12] = {WIRE_KEY, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(give(&up, key, 0, true, false), 0);
    for (size_t i = 0; i < 11; i++)
        assert_int_equal(give(&up, key + i, 1, false, false), 0);
    assert_int_equal(give(&up, key + 11, 1, false, true), 1);
    assert_memory_equal(up.packet + 1, key, 12);
    relay_up_finish(&up);
}

static void test_clipboard_is_large_and_given_back(void **state)
{
    (void)state;
    struct relay_up up = {0};
    uint8_t *clipboard = calloc(1, CLIPBOARD_MESSAGE_MAX + 1);
    clipboard[0] = WIRE_BROWSER_CLIPBOARD;
    assert_int_equal(give(&up, clipboard, CLIPBOARD_MESSAGE_MAX, true, true), 1);
    assert_int_equal(up.length, CLIPBOARD_MESSAGE_MAX);
    relay_up_reset(&up);
    assert_null(up.packet);
    assert_int_equal(give(&up, clipboard, CLIPBOARD_MESSAGE_MAX + 1, true, true), -EPROTO);
    relay_up_finish(&up);
    free(clipboard);
}

static void test_wrong_messages(void **state)
{
    (void)state;
    struct relay_up up = {0};
    uint8_t bytes[2048] = {0};
    for (unsigned kind = 0; kind < 256; kind++) {
        const struct wire_browser_rule *rule = wire_browser_rule((uint8_t)kind);
        bytes[0] = (uint8_t)kind;
        if (!rule) {
            assert_int_equal(give(&up, bytes, 12, true, true), -EPROTO);
            continue;
        }
        assert_int_equal(give(&up, bytes, rule->size_min - 1, true, true), -EPROTO);
        if (rule->size_max < sizeof(bytes))
            assert_int_equal(give(&up, bytes, rule->size_max + 1, true, false), -EPROTO);
        assert_int_equal(give(&up, bytes, rule->size_min, true, true), 1);
    }
    assert_int_equal(give(&up, bytes, 0, true, true), -EPROTO);
    struct relay_piece text = {.data = "hello", .length = 5, .first = true, .last = true};
    assert_int_equal(relay_up_piece(&up, &text, NOW), -EPROTO);
    relay_up_finish(&up);
}

static void test_watching_only(void **state)
{
    (void)state;
    struct relay_up up = {.view_only = true};
    uint8_t bytes[16] = {WIRE_POINTER};
    assert_int_equal(give(&up, bytes, 12, true, true), -EPROTO);
    bytes[0] = WIRE_ACKNOWLEDGE;
    assert_int_equal(give(&up, bytes, 16, true, true), 1);
    relay_up_finish(&up);
}

static void test_control_taken(void **state)
{
    (void)state;
    struct relay_up up = {0};
    uint8_t bytes[16] = {WIRE_POINTER};
    // In the middle of a message: it does not pass, and neither do those behind it.
    assert_int_equal(give(&up, bytes, 5, true, false), 0);
    up.view_only = up.changed = true;
    assert_int_equal(give(&up, bytes, 7, false, true), 0);
    assert_int_equal(give(&up, bytes, 12, true, true), 0);
    assert_int_equal(give(&up, bytes, 13, true, true), -EPROTO);
    bytes[0] = WIRE_ACKNOWLEDGE;
    assert_int_equal(give(&up, bytes, 16, true, true), 1);
    up.view_only = false;
    bytes[0] = WIRE_POINTER;
    assert_int_equal(give(&up, bytes, 12, true, true), 1);
    relay_up_finish(&up);
}

static void test_floods(void **state)
{
    (void)state;
    struct relay_up up = {0};
    uint8_t bytes[CLIPBOARD_MESSAGE_MAX] = {WIRE_REFRESH};
    unsigned taken = 0;
    while (give(&up, bytes, 4, true, true) == 1)
        taken++;
    assert_int_equal(taken, BROWSER_MESSAGES_BURST);
    assert_int_equal(give(&up, bytes, 4, true, true), -EDQUOT);
    relay_up_finish(&up);

    bytes[0] = WIRE_BROWSER_CLIPBOARD;
    taken = 0;
    while (give(&up, bytes, sizeof(bytes), true, true) == 1)
        taken++;
    assert_int_equal(taken, BROWSER_BYTES_BURST / sizeof(bytes));
    relay_up_finish(&up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_become_fragments),
        cmocka_unit_test(test_wrong_packets),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_whole_message),
        cmocka_unit_test(test_pieces_are_joined),
        cmocka_unit_test(test_clipboard_is_large_and_given_back),
        cmocka_unit_test(test_wrong_messages),
        cmocka_unit_test(test_watching_only),
        cmocka_unit_test(test_control_taken),
        cmocka_unit_test(test_floods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
