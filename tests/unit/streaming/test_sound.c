// Sound from PCM to Opus packets, and what a hostile recorder can do to it.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include <opus/opus.h>

#include "lib/ipc.h"
#include "lib/streamer_channel.h"
#include "streaming/sound.h"
#include "streaming/voice.h"

#define PIECE (SOUND_OPUS_FRAME * SOUND_CHANNELS) // samples of 10 ms

static int stream[2], recorder[2];
static struct outbox box;
static struct sound sound;
static uint64_t now_us;

static int set_up(void **state)
{
    (void)state;
    now_us = 1000000;
    assert_int_equal(ipc_pair(SOCK_NONBLOCK, stream), 0);
    assert_int_equal(ipc_pair(SOCK_NONBLOCK, recorder), 0);
    assert_int_equal(outbox_init(&box), 0);
    return sound_init(&sound, recorder[0]);
}

static int tear_down(void **state)
{
    (void)state;
    sound_finish(&sound);
    outbox_finish(&box);
    close(stream[0]);
    close(stream[1]);
    close(recorder[1]);
    return 0;
}

static void play(const void *data, size_t length)
{
    assert_int_equal(send(recorder[1], data, length, 0), length);
}

static void make_tone(int16_t piece[static PIECE], unsigned number)
{
    for (unsigned i = 0; i < SOUND_OPUS_FRAME; i++) {
        double t = (double)(number * SOUND_OPUS_FRAME + i) / SOUND_RATE;
        piece[2 * i] = piece[2 * i + 1] = (int16_t)(8000 * sin(2 * M_PI * 440 * t));
    }
}

// The time of one piece passes.
static void look(void)
{
    now_us += 10000;
    sound_read(&sound, &box, now_us);
}

// The next message to the browser; its Opus packet's length, or -1.
static ssize_t take(uint64_t *ret_captured_us, uint8_t *opus, size_t capacity)
{
    uint8_t packet[2048];
    assert_int_equal(outbox_send(&box, stream[0]), 0);
    ssize_t length = recv(stream[1], packet, sizeof(packet), MSG_DONTWAIT);
    if (length < 0)
        return -1;
    assert_int_equal(packet[0], 0);
    struct reader r = reader_of(packet + 1, (size_t)length - 1);
    assert_int_equal(read_u32(&r), WIRE_AUDIO);
    *ret_captured_us = read_u64(&r);
    assert_true(!r.failed && r.left > 0 && r.left <= capacity);
    memcpy(opus, r.data, r.left);
    return (ssize_t)r.left;
}

static unsigned take_all(void)
{
    uint8_t opus[1500];
    uint64_t captured;
    unsigned count = 0;
    while (take(&captured, opus, sizeof(opus)) > 0)
        count++;
    return count;
}

static void expect_command(uint8_t command)
{
    uint8_t told[2];
    assert_int_equal(recv(recorder[1], told, sizeof(told), MSG_DONTWAIT), 1);
    assert_int_equal(told[0], command);
}

static void a_tone_comes_through(void **state)
{
    (void)state;
    int error;
    OpusDecoder *decoder = opus_decoder_create(SOUND_RATE, SOUND_CHANNELS, &error);
    sound_listen(&sound, true, now_us);
    expect_command(SOUND_ON);
    int16_t piece[PIECE], last = 0, peak = 0;
    uint64_t captured = 0, before = 0;
    unsigned crossings = 0;
    for (unsigned n = 0; n < 100; n++) {
        uint8_t opus[1500];
        make_tone(piece, n);
        play(piece, sizeof(piece));
        look();
        ssize_t length = take(&captured, opus, sizeof(opus));
        assert_true(length > 0);
        assert_int_equal(captured, n == 0 ? now_us : before + 10000);
        before = captured;
        assert_int_equal(opus_decode(decoder, opus, (opus_int32)length, piece, SOUND_OPUS_FRAME, 0),
                         SOUND_OPUS_FRAME);
        for (unsigned i = 0; i < SOUND_OPUS_FRAME; i++) {
            crossings += last < 0 && piece[2 * i] >= 0;
            last = piece[2 * i];
            peak = last > peak ? last : peak;
        }
    }
    opus_decoder_destroy(decoder);
    assert_in_range(crossings, 438, 441);
    assert_in_range(peak, 7000, 9500);
}

static void silence_is_not_sent(void **state)
{
    (void)state;
    int16_t piece[PIECE] = {0};
    sound_listen(&sound, true, now_us);
    for (unsigned n = 0; n < 50; n++) { // from the start
        piece[n] = n % 2 ? 1 : -1;      // dithered
        play(piece, sizeof(piece));
        look();
        assert_int_equal(take_all(), 0);
    }
    make_tone(piece, 3);
    play(piece, sizeof(piece));
    look();
    assert_int_equal(take_all(), 1);
    memset(piece, 0, sizeof(piece));
    unsigned sent = 0;
    for (unsigned n = 0; n < 100; n++) { // it fades out, then ends
        play(piece, sizeof(piece));
        look();
        sent += take_all();
    }
    assert_int_equal(sent, SOUND_TAIL_FRAMES / SOUND_OPUS_FRAME);
}

static void who_does_not_listen_costs_nothing(void **state)
{
    (void)state;
    int16_t piece[PIECE];
    make_tone(piece, 3);
    assert_false(sound.heard);
    sound_listen(&sound, true, now_us);
    assert_true(sound.heard);
    play(piece, sizeof(piece));
    sound_listen(&sound, false, now_us);
    assert_false(sound.heard);
    look();
    assert_int_equal(take_all(), 0);
    // What was left is not heard when it is out of date.
    play(piece, sizeof(piece));
    sound_listen(&sound, true, now_us);
    look();
    assert_int_equal(take_all(), 0);
}

static void pieces_of_any_size_make_packets(void **state)
{
    (void)state;
    int16_t piece[PIECE];
    make_tone(piece, 3);
    sound_listen(&sound, true, now_us);
    unsigned packets = 0;
    for (unsigned n = 0; n < 40; n++) {
        play(piece, 240 * SOUND_FRAME_SIZE); // 5 ms
        now_us += 5000;
        sound_read(&sound, &box, now_us);
        packets += take_all();
    }
    assert_int_equal(packets, 20);
}

static void a_flood_is_not_read(void **state)
{
    (void)state;
    static int16_t big[SOUND_PACKET_MAX / sizeof(int16_t)];
    for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
        big[i] = (int16_t)(i * 331);
    sound_listen(&sound, true, now_us);
    size_t lengths[] = {SOUND_PACKET_MAX, SOUND_FRAME_SIZE};
    for (size_t which = 0; which < 2; which++) {
        unsigned taken = 0, packets = 0;
        for (unsigned ms = 0; ms < 2000; ms++) {
            while (send(recorder[1], big, lengths[which], 0) > 0)
                taken++;
            now_us += 1000;
            if (sound.heard || sound.wake_us <= now_us)
                sound_read(&sound, &box, now_us);
            packets += take_all();
        }
        // A quarter more than real time, and what was saved up.
        assert_true(packets <= 2 * 125 + 20 + OUTBOX_SOUNDS_MAX);
        assert_in_range(taken, which == 0 ? 100 : 900, which == 0 ? 160 : 1200);
        assert_true(sound.socket >= 0);
    }
}

static void impossible_packets_end_the_sound(void **state)
{
    static const size_t lengths[] = {
        1, 2, 3, SOUND_FRAME_SIZE + 1, SOUND_PACKET_MAX + 1, SOUND_PACKET_MAX + 4, 60000, 0};
    static const uint8_t bytes[60000];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        sound_listen(&sound, true, now_us);
        play(bytes, lengths[i]);
        look();
        assert_int_equal(sound.socket, -1);
        assert_false(sound.heard);
        sound_listen(&sound, false, now_us); // nothing more is to be said
        tear_down(state);
        set_up(state);
    }
}

static void a_recorder_that_does_not_read_is_left(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000 && sound.socket >= 0; i++)
        sound_listen(&sound, i % 2 == 0, now_us);
    assert_int_equal(sound.socket, -1);
}

static void the_oldest_sound_goes_first_and_gives_way(void **state)
{
    (void)state;
    uint8_t message[4 + 8 + 1] = {WIRE_AUDIO};
    for (uint8_t i = 0; i < OUTBOX_SOUNDS_MAX + 5; i++) {
        message[4] = i;
        outbox_put_sound(&box, message, sizeof(message));
    }
    for (uint64_t i = 5; i < OUTBOX_SOUNDS_MAX + 5; i++) {
        uint8_t opus[8];
        uint64_t captured;
        assert_int_equal(take(&captured, opus, sizeof(opus)), 1);
        assert_int_equal(captured, i);
    }
    assert_true(outbox_empty(&box));
}

static void say(struct voice *voice, uint8_t first, size_t length)
{
    uint8_t packet[VOICE_PACKET_MAX + 1];
    memset(packet, first, sizeof(packet));
    voice_take(voice, &sound, packet, length, now_us);
}

static size_t heard_by_the_sandbox(uint8_t *ret_first)
{
    uint8_t packet[VOICE_PACKET_MAX + 2];
    ssize_t length = recv(recorder[1], packet, sizeof(packet), MSG_DONTWAIT);
    *ret_first = length > 0 ? packet[0] : 0xff;
    return length > 0 ? (size_t)length : 0;
}

static void answer(uint8_t byte)
{
    play(&byte, 1);
    sound_read(&sound, &box, now_us);
}

static void a_voice_waits_until_somebody_takes_it(void **state)
{
    (void)state;
    struct voice voice = {0};
    uint8_t first;
    say(&voice, 7, 50); // the microphone is off
    assert_int_equal(heard_by_the_sandbox(&first), 0);
    voice_switch(&voice, &sound, true, now_us);
    expect_command(SOUND_SPEAK);
    assert_true(sound.heard);
    say(&voice, 7, 50);
    assert_int_equal(heard_by_the_sandbox(&first), 0);
    answer(SOUND_SPEAKS);
    say(&voice, 7, 50);
    assert_true(heard_by_the_sandbox(&first) == 51 && first == SOUND_VOICE);
    say(&voice, 7, VOICE_PACKET_MAX);
    assert_int_equal(heard_by_the_sandbox(&first), VOICE_PACKET_MAX + 1);
    answer(SOUND_HUSHED); // the sound server ended: whoever comes next is asked
    expect_command(SOUND_SPEAK);
    say(&voice, 7, 50);
    assert_int_equal(heard_by_the_sandbox(&first), 0);
    answer(SOUND_SPEAKS);
    // Listening comes and goes beside it.
    sound_listen(&sound, true, now_us);
    expect_command(SOUND_ON);
    sound_listen(&sound, false, now_us);
    expect_command(SOUND_OFF);
    assert_true(sound.heard);
    say(&voice, 7, 50);
    assert_int_equal(heard_by_the_sandbox(&first), 51);
    voice_switch(&voice, &sound, false, now_us);
    expect_command(SOUND_HUSH);
    assert_false(sound.heard);
    answer(SOUND_SPEAKS); // it was under way
    say(&voice, 7, 50);
    assert_int_equal(heard_by_the_sandbox(&first), 0);
    assert_true(sound.socket >= 0);
}

// However much a hostile browser says, no more gets through than can be said in that time.
static void nobody_speaks_faster_than_time(void **state)
{
    (void)state;
    struct voice voice = {0};
    uint8_t first;
    unsigned heard = 0;
    voice_switch(&voice, &sound, true, now_us);
    expect_command(SOUND_SPEAK);
    answer(SOUND_SPEAKS);
    for (unsigned i = 0; i < 2000; i++) {
        say(&voice, 7, 100);
        heard += heard_by_the_sandbox(&first) > 0;
        now_us += 1000;
    }
    assert_in_range(heard, 100, 145); // 2 s are 100 packets
}

// A sandbox that takes nothing holds nothing up; and nobody asks it without end.
static void a_sandbox_that_does_not_take_the_voice(void **state)
{
    (void)state;
    struct voice voice = {0};
    voice_switch(&voice, &sound, true, now_us);
    expect_command(SOUND_SPEAK);
    answer(SOUND_SPEAKS);
    for (unsigned i = 0; i < 5000; i++, now_us += 20000)
        say(&voice, 7, VOICE_PACKET_MAX);
    assert_true(sound.socket >= 0);
    uint8_t first;
    while (heard_by_the_sandbox(&first) > 0)
        assert_int_equal(first, SOUND_VOICE);
    answer(2); // no answer
    assert_int_equal(sound.socket, -1);
    say(&voice, 7, 100);
    voice_switch(&voice, &sound, false, now_us);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_tone_comes_through),
        TEST(silence_is_not_sent),
        TEST(who_does_not_listen_costs_nothing),
        TEST(pieces_of_any_size_make_packets),
        TEST(a_flood_is_not_read),
        TEST(impossible_packets_end_the_sound),
        TEST(a_recorder_that_does_not_read_is_left),
        TEST(the_oldest_sound_goes_first_and_gives_way),
        TEST(a_voice_waits_until_somebody_takes_it),
        TEST(nobody_speaks_faster_than_time),
        TEST(a_sandbox_that_does_not_take_the_voice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
