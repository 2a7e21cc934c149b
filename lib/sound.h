#pragma once
// Sound on its way out of a sandbox, and a viewer's voice on its way in: what crosses the socket between sandbox-sound (sandbox/sound/) and
// one sandbox-streamer. It is a SOCK_SEQPACKET pair that sandboxd makes for each viewer.
//
// The streamer says by packets of one byte whether its viewer listens; while he does, sandbox-sound sends PCM: whole frames of interleaved
// samples, at most SOUND_PACKET_MAX bytes each. Nothing is sent while nothing sounds. Another byte says that the viewer is about to speak;
// when sandbox-sound can play that, it says so by a packet of one byte, and then each packet of the microphone comes as it is, an Opus packet
// behind the byte SOUND_VOICE. Without that answer nothing is sent, so that nothing of what is said waits where nobody takes it.
// Neither trusts the other.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOUND_RATE 48000u
#define SOUND_CHANNELS 2u
#define SOUND_FRAME_SIZE ((uint32_t)sizeof(int16_t) * SOUND_CHANNELS)
#define SOUND_PACKET_MAX (SOUND_RATE / 50 * SOUND_FRAME_SIZE) // 20 ms

enum sound_command { SOUND_OFF, SOUND_ON, SOUND_SPEAK, SOUND_HUSH, SOUND_VOICE };
// Answers of sandbox-sound to SOUND_SPEAK: it can't any more, and is to be asked again; it can.
enum sound_answer { SOUND_HUSHED, SOUND_SPEAKS };

#define VOICE_FRAMES_MAX (SOUND_RATE / 50) // of one Opus packet: 20 ms, one channel

// So much silence is still sent, so that what sounded can fade out.
#define SOUND_TAIL_FRAMES (SOUND_RATE / 5)

// One step of 16 bits up or down is what dithering leaves of silence.
static inline bool sound_is_silent(const int16_t *samples, size_t count)
{
    unsigned loud = 0;
    for (size_t i = 0; i < count; i++)
        loud |= (unsigned)(samples[i] + 1) > 2;
    return !loud;
}
