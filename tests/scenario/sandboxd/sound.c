// What a program in a sandbox plays reaches the viewers who listen, and nobody else.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <opus/opus.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/sound.h"
#include "lib/streamer_channel.h"
#include "lib/wire.h"
#include "tests/harness/sandboxd_fixture.h"

#define TONE_HZ 440
#define PATIENCE_MS 15000
#define SOON_US 50000

// So many seconds of a tone, played by a program that knows nothing of us.
#define TONE(seconds)                                                                                        \
    "python3 -c 'import array, math, sys\n"                                                                  \
    "wave = [int(9000 * math.sin(2 * math.pi * 440 * i / 48000)) for i in range(4800)]\n"                    \
    "data = array.array(\"h\", [s for v in wave for s in (v, v)]).tobytes()\n"                               \
    "[sys.stdout.buffer.write(data) for i in range(" seconds "0)]' |"                                        \
    "pacat --playback --raw --format=s16le --rate=48000 --channels=2\n"

static enum sandboxd_mode mode;

struct heard {
    unsigned packets;
    size_t samples;   // of one channel
    size_t crossings; // of zero, upwards, in the left one
    int16_t last;
    uint64_t captured_us; // of the last packet
    unsigned soon;        // that came shortly after they were captured
};

struct viewer {
    int stream;
    OpusDecoder *decoder;
    struct heard heard;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct viewer attach(struct sandboxd_fixture *f, const struct id *sandbox, uint64_t number)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ATTACH,
                                       .attach = {.sandbox = *sandbox, .viewer = number}};
    struct viewer viewer = {0};
    int error;
    sandboxd_send(f, &message);
    sandboxd_expect(f, SANDBOXD_ATTACHED, &viewer.stream);
    viewer.decoder = opus_decoder_create(SOUND_RATE, SOUND_CHANNELS, &error);
    assert_non_null(viewer.decoder);
    return viewer;
}

static void leave(struct viewer *viewer)
{
    opus_decoder_destroy(viewer->decoder);
    close(viewer->stream);
}

static void listen_to(const struct viewer *viewer, bool on)
{
    uint8_t packet[9] = {0, WIRE_BROWSER_AUDIO, 0, 0, 0, on};
    assert_int_equal(send(viewer->stream, packet, sizeof(packet), MSG_NOSIGNAL), sizeof(packet));
}

static void acknowledge(const struct viewer *viewer, uint32_t sequence)
{
    uint8_t packet[17] = {0};
    struct writer w = writer_of(packet, sizeof(packet));
    write_u8(&w, 0);
    write_u32(&w, WIRE_ACKNOWLEDGE);
    write_u32(&w, sequence);
    send(viewer->stream, packet, sizeof(packet), MSG_NOSIGNAL);
}

static void hear(struct viewer *viewer, const uint8_t *message, size_t length)
{
    int16_t pcm[SOUND_RATE / 50 * SOUND_CHANNELS];
    struct reader r = reader_of(message, length);
    read_u32(&r);
    uint64_t captured_us = read_u64(&r), now = now_us();
    assert_false(r.failed);
    assert_true(captured_us > viewer->heard.captured_us &&
                captured_us <= now + 20000); // a packet of 20 ms may have two frames
    int count = opus_decode(viewer->decoder, r.data, (opus_int32)r.left, pcm, SOUND_RATE / 50, 0);
    assert_int_equal(count, SOUND_RATE / 100);
    struct heard *heard = &viewer->heard;
    heard->captured_us = captured_us;
    heard->soon += now < captured_us + SOON_US;
    heard->packets++;
    heard->samples += (size_t)count;
    for (int i = 0; i < count; i++) {
        int16_t sample = pcm[i * (int)SOUND_CHANNELS];
        heard->crossings += heard->last < 0 && sample >= 0;
        heard->last = sample;
    }
}

// Takes packets until so many of sound have come, or nothing else for so long.
static void receive(struct viewer *viewer, unsigned packets, uint64_t duration_us)
{
    static uint8_t packet[STREAM_PACKET_MAX];
    uint64_t end = now_us() + duration_us;
    unsigned goal = viewer->heard.packets + packets;
    bool begins = true;
    while (now_us() < end && viewer->heard.packets < goal) {
        struct pollfd ready = {.fd = viewer->stream, .events = POLLIN};
        if (poll(&ready, 1, (int)((end - now_us()) / 1000) + 1) <= 0)
            continue;
        ssize_t length = recv(viewer->stream, packet, sizeof(packet), 0);
        assert_true(length > 1);
        if (packet[0] == STREAM_PACKET_REPORT)
            continue;
        if (begins && packet[1] == WIRE_AUDIO)
            hear(viewer, packet + 1, (size_t)length - 1);
        else if (begins && packet[1] <= WIRE_COPY_RECTANGLE && packet[1] != WIRE_HELLO)
            acknowledge(viewer, (uint32_t)packet[5] | (uint32_t)packet[6] << 8);
        else if (begins && packet[1] == WIRE_HELLO)
            acknowledge(viewer, 0);
        begins = packet[0] != STREAM_PACKET_MORE;
    }
}

static void expect_tone(struct viewer *viewer)
{
    receive(viewer, 20, PATIENCE_MS * UINT64_C(1000)); // what it begins with
    assert_true(viewer->heard.packets >= 20);
    viewer->heard.samples = viewer->heard.crossings = 0;
    receive(viewer, 100, PATIENCE_MS * UINT64_C(1000));
    assert_int_equal(viewer->heard.samples, SOUND_RATE);
    assert_in_range(viewer->heard.crossings, TONE_HZ - 4, TONE_HZ + 4);
}

static void expect_silence(struct viewer *viewer)
{
    receive(viewer, UINT32_MAX / 2, 1000000); // under way, and what fades out
    unsigned before = viewer->heard.packets;
    receive(viewer, UINT32_MAX / 2, 700000);
    assert_int_equal(viewer->heard.packets, before);
}

static void begin(struct sandboxd_fixture *f, struct sandboxd_create *request, const char *script)
{
    sandboxd_prepare(f, mode);
    sandboxd_start(f);
    *request = sandboxd_request(5);
    sandboxd_script(f, request, script);
    sandboxd_create(f, request);
}

static void who_listens_hears_what_is_played(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, TONE("7"));
    struct viewer listener = attach(&f, &request.sandbox, 1);
    struct viewer other = attach(&f, &request.sandbox, 2);
    listen_to(&listener, true);
    expect_tone(&listener);
    assert_true(listener.heard.soon > listener.heard.packets / 2); // the machine may be busy
    listen_to(&listener, false);
    expect_silence(&listener);
    receive(&other, 1, 300000);
    assert_int_equal(other.heard.packets, 0);
    listen_to(&other, true);
    expect_tone(&other);
    AUTO_FREE char *result = sandboxd_result(&f, &request); // it has ended
    expect_silence(&other);
    leave(&listener);
    leave(&other);
    sandboxd_finish(&f);
}

static void nothing_runs_for_a_silent_desktop(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, "true");
    struct viewer viewer = attach(&f, &request.sandbox, 1);
    listen_to(&viewer, true);
    expect_silence(&viewer);
    assert_int_equal(viewer.heard.packets, 0);
    assert_int_equal(sandboxd_find_process(&f, "pulseaudio"), 0);
    assert_int_equal(sandboxd_find_process(&f, "sandbox-sound"), 0);
    leave(&viewer);
    sandboxd_finish(&f);
}

static void a_killed_sound_server_is_replaced(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, "while :; do " TONE("9") "done");
    struct viewer viewer = attach(&f, &request.sandbox, 1);
    listen_to(&viewer, true);
    expect_tone(&viewer);
    static const char *const victims[] = {"pulseaudio", "sandbox-sound"};
    for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++) {
        assert_int_equal(kill(sandboxd_find_process(&f, victims[i]), SIGKILL), 0);
        expect_tone(&viewer);
    }
    leave(&viewer);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_listens_hears_what_is_played),
        cmocka_unit_test(nothing_runs_for_a_silent_desktop),
        cmocka_unit_test(a_killed_sound_server_is_replaced),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
