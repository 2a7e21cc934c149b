#pragma once
// What a viewer says into his microphone, on its way to the sandbox: Opus packets that are counted here and decoded there, by a process that
// can do no more than who controls the desktop can do anyway.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/sound.h"

struct voice {
    bool on;
    uint64_t credit_us;  // so much may still be said
    uint64_t counted_us; // when that was so
};

// `on` only where the policy permits it.
void voice_switch(struct voice *voice, struct sound *sound, bool on, uint64_t now_us);
// One packet, of 20 ms at most. It is dropped while the microphone is off, and when it comes faster than anybody can speak.
void voice_take(struct voice *voice, struct sound *sound, const uint8_t *packet, size_t length,
                uint64_t now_us);
