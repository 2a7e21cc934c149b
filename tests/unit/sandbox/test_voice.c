// A viewer's voice: Opus of 20 ms at most to samples, and nothing else.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <opus/opus.h>

#include "lib/limits.h"
#include "sandbox/sound/voice.h"

static size_t encode(OpusEncoder *encoder, unsigned milliseconds, uint8_t packet[static VOICE_PACKET_MAX])
{
    static int16_t pcm[SOUND_RATE / 1000 * 60];
    for (size_t i = 0; i < sizeof(pcm) / sizeof(pcm[0]); i++)
        pcm[i] = (int16_t)(9000 * sin(2 * M_PI * 480 * (double)i / SOUND_RATE));
    int length = opus_encode(encoder, pcm, (int)(SOUND_RATE / 1000 * milliseconds), packet, VOICE_PACKET_MAX);
    assert_true(length > 0);
    return (size_t)length;
}

static void a_tone_comes_through(void **state)
{
    (void)state;
    int error, peak = 0;
    OpusEncoder *encoder = opus_encoder_create(SOUND_RATE, 1, OPUS_APPLICATION_VOIP, &error);
    struct OpusDecoder *decoder = voice_open();
    int16_t samples[VOICE_FRAMES_MAX];
    uint8_t packet[VOICE_PACKET_MAX];
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(voice_decode(decoder, packet, encode(encoder, 20, packet), samples),
                         VOICE_FRAMES_MAX);
        for (unsigned j = 0; j < VOICE_FRAMES_MAX; j++)
            peak = samples[j] > peak ? samples[j] : peak;
    }
    assert_in_range(peak, 6000, 12000);
    assert_int_equal(voice_decode(decoder, packet, encode(encoder, 10, packet), samples),
                     VOICE_FRAMES_MAX / 2);
    voice_close(decoder);
    opus_encoder_destroy(encoder);
}

static void what_is_longer_or_no_opus_is_refused(void **state)
{
    (void)state;
    int error;
    OpusEncoder *encoder = opus_encoder_create(SOUND_RATE, 1, OPUS_APPLICATION_VOIP, &error);
    struct OpusDecoder *decoder = voice_open();
    int16_t samples[VOICE_FRAMES_MAX];
    uint8_t packet[VOICE_PACKET_MAX + 1];
    assert_int_equal(voice_decode(decoder, packet, encode(encoder, 40, packet), samples), -EPROTO);
    assert_int_equal(voice_decode(decoder, packet, encode(encoder, 60, packet), samples), -EPROTO);
    assert_int_equal(voice_decode(decoder, packet, 0, samples), -EPROTO);
    memset(packet, 0xff, sizeof(packet)); // 63 frames of 20 ms
    assert_int_equal(voice_decode(decoder, packet, 100, samples), -EPROTO);
    assert_int_equal(voice_decode(decoder, packet, sizeof(packet), samples), -EPROTO);
    packet[0] = 0x0b; // a count of frames is to follow, and does not
    assert_int_equal(voice_decode(decoder, packet, 1, samples), -EPROTO);
    voice_close(decoder);
    voice_close(NULL);
    opus_encoder_destroy(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_comes_through),
        cmocka_unit_test(what_is_longer_or_no_opus_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
