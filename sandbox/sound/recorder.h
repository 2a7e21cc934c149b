#pragma once
// What the sandbox plays, to one viewer who listens.

#include <stddef.h>

#include <pulse/pulseaudio.h>

#define SOUND_FD 3 // sandbox-init's end of the pair of lib/sound.h

struct recorder {
    pa_stream *stream;                     // NULL: it records nothing
    size_t silent;                         // frames in a row
    void (*ended)(void *data, int failed); // 0: the viewer is gone
    void *data;
};

// 0 or -1: the sound server refused.
int recorder_start(struct recorder *recorder, pa_context *context);
void recorder_stop(struct recorder *recorder);
