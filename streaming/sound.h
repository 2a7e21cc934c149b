#pragma once
// What the sandbox plays, from its recorder (lib/sound.h) to Opus packets. Nothing is encoded or sent while nobody listens or nothing sounds.

#include <stdbool.h>
#include <stdint.h>

#include "lib/sound.h"
#include "streaming/outbox.h"

#define SOUND_OPUS_FRAME (SOUND_RATE / 100) // 10 ms

struct OpusEncoder;

struct sound {
    int socket; // -1: there is no sound
    bool listens;
    bool speaks;      // its microphone is on
    bool asked;       // its microphone was on once: answers may come
    bool takes_voice; // sandbox-sound has said so since
    bool heard; // the socket is read: the viewer listens or speaks, and the recorder has not told too much
    struct OpusEncoder *encoder;
    int16_t frame[SOUND_OPUS_FRAME * SOUND_CHANNELS];
    size_t filled;        // samples of it
    uint64_t captured_us; // when its first one was played
    uint64_t next_us;     // when the next one to arrive was
    size_t silent;        // frames (of one sample for each channel) in a row
    uint64_t credit_us;   // so much sound may still be taken
    uint64_t counted_us;  // when that was so
    uint64_t wake_us;     // when to look again after too much was told; UINT64_MAX: never
};

// The socket is the struct's. 0 or -ENOMEM.
int sound_init(struct sound *sound, int socket);
void sound_finish(struct sound *sound);
// The viewer listens, or does so no more.
void sound_listen(struct sound *sound, bool on, uint64_t now_us);
// The viewer is about to speak, or does so no more.
void sound_speak(struct sound *sound, bool on, uint64_t now_us);
// Passes one packet of its microphone on. What is not taken at once is lost.
void sound_voice(struct sound *sound, const void *packet, size_t length);
// Takes what the recorder has sent, and puts what comes of it into the outbox. A recorder that ends or breaks the rules is left; the stream
// goes on without sound.
void sound_read(struct sound *sound, struct outbox *outbox, uint64_t now_us);
