#pragma once
// A viewer's voice from Opus to samples. The packets are a hostile browser's, as it sent them.

#include <stddef.h>
#include <stdint.h>

#include "lib/sound.h"

struct OpusDecoder;

// NULL when memory is out.
struct OpusDecoder *voice_open(void);
void voice_close(struct OpusDecoder *decoder);
// One packet. The number of samples, of one channel; -EPROTO: it is none, or longer than VOICE_FRAMES_MAX.
int voice_decode(struct OpusDecoder *decoder, const uint8_t *packet, size_t length,
                 int16_t ret_samples[static VOICE_FRAMES_MAX]);
