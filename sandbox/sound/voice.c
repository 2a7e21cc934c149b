#include "sandbox/sound/voice.h"

#include <errno.h>

#include <opus/opus.h>

#include "lib/limits.h"

struct OpusDecoder *voice_open(void)
{
    int error;
    return opus_decoder_create(SOUND_RATE, 1, &error);
}

void voice_close(struct OpusDecoder *decoder)
{
    if (decoder)
        opus_decoder_destroy(decoder);
}

int voice_decode(struct OpusDecoder *decoder, const uint8_t *packet, size_t length,
                 int16_t ret_samples[static VOICE_FRAMES_MAX])
{
    if (length == 0 || length > VOICE_PACKET_MAX)
        return -EPROTO;
    int frames = opus_packet_get_nb_samples(packet, (opus_int32)length, SOUND_RATE);
    if (frames <= 0 || frames > (int)VOICE_FRAMES_MAX)
        return -EPROTO;
    int count = opus_decode(decoder, packet, (opus_int32)length, ret_samples, VOICE_FRAMES_MAX, 0);
    return count > 0 ? count : -EPROTO;
}
