#include "streaming/voice.h"

#define PACKET_US 20000u
// A link that held packets back delivers them at once.
#define CREDIT_MAX_US 300000u
#define CREDIT_OF(elapsed) ((elapsed) + (elapsed) / 4)

void voice_switch(struct voice *voice, struct sound *sound, bool on, uint64_t now_us)
{
    voice->on = on;
    voice->credit_us = CREDIT_MAX_US;
    voice->counted_us = now_us;
    sound_speak(sound, on, now_us);
}

void voice_take(struct voice *voice, struct sound *sound, const uint8_t *packet, size_t length,
                uint64_t now_us)
{
    if (!voice->on)
        return;
    uint64_t credit = voice->credit_us + CREDIT_OF(now_us - voice->counted_us);
    voice->counted_us = now_us;
    voice->credit_us = credit < CREDIT_MAX_US ? credit : CREDIT_MAX_US;
    if (voice->credit_us < PACKET_US)
        return;
    voice->credit_us -= PACKET_US;
    sound_voice(sound, packet, length);
}
