#pragma once
// The sandbox's sound: a sound server that the first program to connect starts, and a recorder for each viewer who listens or speaks
// (lib/sound.h).

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/limits.h"

#define SOUND_POLLS (1 + VIEWER_MAX)

struct sound_starts {
    unsigned count;     // within the window
    uint64_t window_ms; // when it began
};

struct sound_viewer {
    int socket;     // the recorder's end of it; -1: nobody
    bool listens;   // a recorder was lost: another one is due
    pid_t recorder; // 0: none
    struct sound_starts starts;
};

struct sound {
    int listener; // -1: there is no sound server on this machine
    pid_t server; // 0: none
    struct sound_starts starts;
    struct sound_viewer viewers[VIEWER_MAX];
};

// Listens in the sound server's place. A desktop without sound is still a desktop: no failure is told.
void sound_init(struct sound *sound);
// One more viewer; the socket is taken over.
void sound_add(struct sound *sound, int socket);
// Starts what is due. Fills SOUND_POLLS entries, and returns when to call again at the latest: milliseconds, -1 for whenever.
int sound_prepare(struct sound *sound, struct pollfd *polls);
// Acts on what poll(2) has found in them.
void sound_heed(struct sound *sound, const struct pollfd *polls);
void sound_child_ended(struct sound *sound, pid_t pid, int status);
