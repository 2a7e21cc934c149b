// The sound of a film: whatever was recorded, its packets stand one behind the other, and what sounds stands where it sounded.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <opus/opus.h>

#include "export/track.h"
#include "lib/bytes.h"
#include "lib/wire.h"

#define PART_US 10000
#define FILM_SAMPLES_MAX (20 * TRACK_RATE)
#define LOUD 4000

static struct {
    OpusDecoder *decoder;
    OpusEncoder *encoder;
    struct track *track;
    uint64_t end;
    unsigned packets;
    int refuse;
    int16_t film[FILM_SAMPLES_MAX];
} t;

// As a player: every packet is decoded where it stands.
static int take(void *data, uint8_t *packet, size_t length, uint64_t begin, unsigned samples)
{
    (void)data;
    if (t.refuse)
        return t.refuse;
    int16_t pcm[TRACK_PARTS * TRACK_PART * TRACK_CHANNELS];
    assert_int_equal(begin, t.end);
    int got = opus_decode(t.decoder, packet, (opus_int32)length, pcm, TRACK_PARTS * TRACK_PART, 0);
    assert_int_equal(got, samples);
    t.end += samples;
    t.packets++;
    assert_true(t.end <= FILM_SAMPLES_MAX);
    for (unsigned i = 0; i < samples; i++)
        t.film[begin + i] = pcm[i * TRACK_CHANNELS];
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    int error;
    memset(&t, 0, sizeof(t));
    t.decoder = opus_decoder_create(TRACK_RATE, TRACK_CHANNELS, &error);
    t.encoder = opus_encoder_create(TRACK_RATE, TRACK_CHANNELS, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error);
    t.track = track_new(take, NULL);
    assert_true(t.decoder && t.encoder && t.track);
    return opus_encoder_ctl(t.encoder, OPUS_SET_BITRATE(96000));
}

static int tear_down(void **state)
{
    (void)state;
    track_free(t.track);
    opus_decoder_destroy(t.decoder);
    opus_encoder_destroy(t.encoder);
    return 0;
}

// `samples` of a tone of 1 kHz, or of silence, as one packet.
static size_t encode(bool loud, int samples, uint8_t packet[static TRACK_PART_BYTES_MAX])
{
    int16_t pcm[2 * TRACK_PART * TRACK_CHANNELS];
    for (int i = 0; i < samples; i++)
        pcm[2 * i] = pcm[2 * i + 1] = !loud ? 0 : i / 24 % 2 ? 12000 : -12000;
    int length = opus_encode(t.encoder, pcm, samples, packet, TRACK_PART_BYTES_MAX);
    assert_true(length > 2);
    return (size_t)length;
}

static size_t tone(int samples, uint8_t packet[static TRACK_PART_BYTES_MAX])
{
    return encode(true, samples, packet);
}

static int add(int64_t time_us)
{
    uint8_t packet[TRACK_PART_BYTES_MAX];
    return track_add(t.track, packet, tone(TRACK_PART, packet), time_us);
}

static void play(int64_t from_us, unsigned parts)
{
    for (unsigned i = 0; i < parts; i++)
        assert_int_equal(add(from_us + (int64_t)i * PART_US), 0);
}

// As the streamer: silence fades it out.
static void beep(int64_t from_us)
{
    play(from_us, 20);
    for (int64_t i = 20; i < 40; i++) {
        uint8_t packet[TRACK_PART_BYTES_MAX];
        size_t length = encode(false, TRACK_PART, packet);
        assert_int_equal(track_add(t.track, packet, length, from_us + i * PART_US), 0);
    }
}

// Milliseconds of the film at which something begins to sound, from there on.
static int first_sound(int from_ms)
{
    uint64_t at = (uint64_t)from_ms * TRACK_RATE / 1000;
    while (at < t.end && abs(t.film[at]) < LOUD)
        at++;
    return at == t.end ? -1 : (int)(at * 1000 / TRACK_RATE);
}

static void silence_keeps_sound_in_its_place(void **state)
{
    (void)state;
    beep(1500000);
    beep(5003000); // not on the grid of the packets
    assert_int_equal(track_end(t.track), 0);
    assert_in_range(first_sound(0), 1495, 1510);
    assert_in_range(first_sound(1800), 4995, 5015);
    assert_in_range(t.end * 1000 / TRACK_RATE, 5390, 5410);
    for (uint64_t i = 0; i < TRACK_RATE; i++)
        assert_int_equal(t.film[i], 0);
    assert_in_range(t.packets, t.end / TRACK_PART / TRACK_PARTS, t.end / TRACK_PART / TRACK_PARTS + 4);
}

static void a_clock_that_differs_is_followed(void **state)
{
    (void)state;
    // A tenth too fast, then a tenth too slow.
    for (int i = 0; i < 200; i++)
        assert_int_equal(add((int64_t)i * 9000), 0);
    assert_in_range(t.end * 1000 / TRACK_RATE, 1700, 1840);
    for (int i = 0; i < 200; i++)
        assert_int_equal(add(1800000 + (int64_t)i * 11000), 0);
    assert_int_equal(track_end(t.track), 0);
    assert_in_range(t.end * 1000 / TRACK_RATE, 3960, 4040);
}

static void what_can_not_sound_is_left_out(void **state)
{
    (void)state;
    play(-50000, 5); // before the film
    assert_int_equal(track_end(t.track), 0);
    assert_int_equal(t.end, 0);
    play(0, 100);
    play(0, 100);      // back in time
    play(500000, 100); // half of it is
    for (int i = 0; i < 1000; i++)
        assert_int_equal(add(1499000), 0); // more than there is time for
    assert_int_equal(track_end(t.track), 0);
    assert_in_range(t.end * 1000 / TRACK_RATE, 1500, 1540);
}

static void another_kind_of_packet_begins_the_next(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        opus_encoder_ctl(t.encoder, OPUS_SET_FORCE_CHANNELS(i % 4 == 3 ? 1 : 2));
        opus_encoder_ctl(t.encoder, OPUS_SET_MAX_BANDWIDTH(i % 7 == 6 ? OPUS_BANDWIDTH_NARROWBAND
                                                                      : OPUS_BANDWIDTH_FULLBAND));
        assert_int_equal(add((int64_t)i * PART_US), 0);
    }
    assert_int_equal(track_end(t.track), 0);
    assert_int_equal(t.end, 60 * TRACK_PART);
}

static void what_is_no_packet_is_refused(void **state)
{
    (void)state;
    uint8_t packet[TRACK_PART_BYTES_MAX + 1] = {0};
    assert_int_equal(track_add(t.track, packet, 0, 0), -EPROTO);
    assert_int_equal(track_add(t.track, packet, sizeof(packet), 0), -EPROTO);
    assert_int_equal(track_add(t.track, packet, tone(2 * TRACK_PART, packet), 0), -EPROTO);
    assert_int_equal(track_add(t.track, packet, tone(TRACK_PART / 2, packet), 0), -EPROTO);
    const uint8_t two_of_odd[] = {0xed, 1, 2}; // two frames of 5 ms, of one length: the bytes are odd
    const uint8_t too_long[] = {0xee, 200, 1}; // the first of the two has 200 bytes
    const uint8_t none[] = {0xe3, 0};          // no frame at all
    assert_int_equal(track_add(t.track, (const uint8_t[]){0xe9, 1, 2}, 3, 0), 0); // 5 ms and 5 ms
    assert_int_equal(track_add(t.track, two_of_odd, 2, PART_US), -EPROTO);
    assert_int_equal(track_add(t.track, too_long, sizeof(too_long), PART_US), -EPROTO);
    assert_int_equal(track_add(t.track, none, sizeof(none), PART_US), -EPROTO);
    play(PART_US, 10); // the others are good
    assert_int_equal(track_end(t.track), 0);
    assert_int_equal(t.end, 11 * TRACK_PART);
}

// As many bytes as can be, in frames whose lengths have to be told.
static void the_largest_packets_fit(void **state)
{
    (void)state;
    uint8_t packet[TRACK_PART_BYTES_MAX] = {0xf0 - 0x10 + 3, 0x80 | 4}; // CELT, 2.5 ms: four of any length
    for (int i = 0; i < 3; i++) {
        packet[2 + 2 * i] = 252 + (316 - i - 252) % 4;
        packet[3 + 2 * i] = (uint8_t)((316 - i - packet[2 + 2 * i]) / 4);
    }
    assert_int_equal(opus_packet_get_nb_samples(packet, sizeof(packet), TRACK_RATE), TRACK_PART);
    for (int i = 0; i < 12; i++)
        assert_int_equal(track_add(t.track, packet, sizeof(packet), (int64_t)i * PART_US), 0);
    assert_int_equal(track_end(t.track), 0);
    assert_int_equal(t.end, 12 * TRACK_PART);
}

static void a_film_that_is_full_ends(void **state)
{
    (void)state;
    t.refuse = -EFBIG;
    assert_int_equal(add(INT64_C(1000) * 3600 * 1000000), -EFBIG);
}

static void a_message_is_read(void **state)
{
    (void)state;
    uint8_t message[WIRE_AUDIO_OVERHEAD + TRACK_PART_BYTES_MAX + 1] = {0};
    struct writer w = writer_of(message, sizeof(message));
    wire_write_audio(&w, 1);
    const uint8_t *packet = NULL;
    size_t length = 0;
    assert_int_equal(track_read(message, WIRE_AUDIO_OVERHEAD, &packet, &length), -EPROTO);
    assert_int_equal(track_read(message, 1, &packet, &length), -EPROTO);
    assert_int_equal(track_read(message, sizeof(message), &packet, &length), -EPROTO);
    assert_int_equal(track_read(message, sizeof(message) - 1, &packet, &length), 0);
    assert_ptr_equal(packet, message + WIRE_AUDIO_OVERHEAD);
    assert_int_equal(length, TRACK_PART_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silence_keeps_sound_in_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_differs_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_can_not_sound_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_kind_of_packet_begins_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_packet_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_largest_packets_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_film_that_is_full_ends, set_up, tear_down),
        cmocka_unit_test(a_message_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
