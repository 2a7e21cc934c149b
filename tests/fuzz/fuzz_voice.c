// A hostile browser's voice: any packets, one after the other, through one decoder as sandbox-sound has it.

#include <stdint.h>
#include <stdlib.h>

#include "lib/limits.h"
#include "sandbox/sound/voice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct OpusDecoder *decoder = voice_open();
    if (!decoder)
        return 0;
    while (size >= 2) { // each behind its length
        size_t length = (size_t)data[0] | (size_t)data[1] << 8;
        data += 2;
        size -= 2;
        length = length < size ? length : size;
        int16_t samples[VOICE_FRAMES_MAX];
        int count = voice_decode(decoder, data, length, samples);
        if (count == 0 || count > (int)VOICE_FRAMES_MAX)
            abort();
        data += length;
        size -= length;
    }
    voice_close(decoder);
    return 0;
}
