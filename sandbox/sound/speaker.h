#pragma once
// What one viewer says, to the sandbox's microphone.

#include <stddef.h>
#include <stdint.h>

#include <pulse/pulseaudio.h>

struct OpusDecoder;

struct speaker {
    pa_stream *stream; // NULL: nobody speaks
    struct OpusDecoder *decoder;
    void (*ready)(void *data); // it takes packets from now on
    void (*failed)(void *data);
    void *data;
};

// 0 or -1: the sound server refused, or memory is out.
int speaker_start(struct speaker *speaker, pa_context *context);
void speaker_stop(struct speaker *speaker);
// One Opus packet. What is none, or comes while enough is waiting to be played, is left out.
void speaker_take(struct speaker *speaker, const uint8_t *packet, size_t length);
