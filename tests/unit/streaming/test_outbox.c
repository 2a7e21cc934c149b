#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/streamer_channel.h"
#include "streaming/outbox.h"

static int pair[2];
static struct outbox box;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(ipc_pair(SOCK_NONBLOCK, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){STREAM_PACKET_MAX}, sizeof(int)), 0);
    return outbox_init(&box);
}

static int tear_down(void **state)
{
    (void)state;
    outbox_finish(&box);
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static int put(size_t length, uint8_t fill)
{
    struct writer w = outbox_begin(&box);
    for (size_t i = 0; i < length; i++)
        write_u8(&w, fill);
    return outbox_end(&box, &w);
}

// Checks one packet's flag and size.
static void take(size_t part, uint8_t flags, uint8_t fill)
{
    static uint8_t packet[STREAM_PACKET_MAX + 1];
    assert_int_equal(recv(pair[1], packet, sizeof(packet), 0), part + 1);
    assert_int_equal(packet[0], flags);
    assert_int_equal(packet[1], fill);
    assert_int_equal(packet[part], fill);
}

static void messages_are_cut_into_packets(void **state)
{
    (void)state;
    const size_t whole = STREAM_PACKET_MAX - 1;
    assert_true(outbox_empty(&box));
    assert_int_equal(put(1, 1), 0);
    assert_int_equal(put(whole, 2), 0);
    assert_false(outbox_empty(&box));
    assert_int_equal(outbox_send(&box, pair[0]), 0);
    assert_true(outbox_empty(&box));
    take(1, 0, 1);
    take(whole, 0, 2);
    assert_int_equal(put(whole + 1, 3), 0);
    assert_int_equal(outbox_send(&box, pair[0]), 0);
    take(whole, STREAM_PACKET_MORE, 3);
    take(1, 0, 3);
}

static void a_full_socket_loses_nothing(void **state)
{
    (void)state;
    const size_t whole = STREAM_PACKET_MAX - 1;
    assert_int_equal(put(whole * 20 + 5, 7), 0);
    for (size_t i = 0; i < 20; i++) {
        int error = outbox_send(&box, pair[0]);
        assert_true(error == -EAGAIN || i >= 15);
        take(whole, STREAM_PACKET_MORE, 7);
    }
    assert_int_equal(outbox_send(&box, pair[0]), 0);
    take(5, 0, 7);
    assert_int_equal(box.bytes_sent, whole * 20 + 5 + 21);
}

static void what_is_too_large_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(put(STREAM_MESSAGE_MAX + 1, 1), -EMSGSIZE);
    assert_int_equal(put(0, 1), -EMSGSIZE);
    assert_true(outbox_empty(&box));
    for (size_t i = 0; i < OUTBOX_MESSAGES_MAX; i++)
        assert_int_equal(put(1, 1), 0);
    assert_int_equal(put(1, 1), -EMSGSIZE);
}

static void what_is_not_sent_can_be_taken_back(void **state)
{
    (void)state;
    assert_int_equal(put(10, 1), 0);
    struct outbox_position before = outbox_position(&box);
    assert_int_equal(put(10, 2), 0);
    outbox_rewind(&box, before);
    assert_int_equal(put(20, 3), 0);
    assert_int_equal(outbox_send(&box, pair[0]), 0);
    take(10, 0, 1);
    take(20, 0, 3);
}

static void the_peers_leaving_is_told(void **state)
{
    (void)state;
    shutdown(pair[1], SHUT_RDWR);
    assert_int_equal(put(10, 1), 0);
    assert_int_equal(outbox_send(&box, pair[0]), -EPIPE);
}

static void sound_goes_between_messages(void **state)
{
    (void)state;
    static const uint8_t sound[40] = {WIRE_AUDIO};
    assert_int_equal(put(3 * STREAM_PACKET_MAX, 20), 0);
    assert_int_equal(put(100, 21), 0);
    assert_int_equal(outbox_send(&box, pair[0]), -EAGAIN); // the first one is under way
    outbox_put_sound(&box, sound, sizeof(sound));
    assert_false(outbox_empty(&box));
    static uint8_t packet[STREAM_PACKET_MAX];
    uint8_t order[8];
    size_t count = 0;
    bool begins = true;
    for (int error = -EAGAIN;;) {
        ssize_t n = recv(pair[1], packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && error == 0)
            break;
        if (n > 0 && begins)
            order[count++] = packet[1];
        begins = n > 0 ? packet[0] != STREAM_PACKET_MORE : begins;
        error = outbox_send(&box, pair[0]);
    }
    assert_int_equal(count, 3);
    assert_memory_equal(order, ((uint8_t[]){20, WIRE_AUDIO, 21}), 3);
    assert_true(outbox_empty(&box));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_are_cut_into_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_socket_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_sent_can_be_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sound_goes_between_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_peers_leaving_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
