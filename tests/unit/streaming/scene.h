#pragma once
// A rig and a canvas together: what most stream tests need.

#include <stdbool.h>

#include "canvas.h"
#include "rig.h"

#define SCENE_WIDTH 800
#define SCENE_HEIGHT 600
#define QUIET_MS 500 // longer than the repair of a still picture waits

struct scene {
    struct rig rig;
    struct canvas canvas;
    bool mute;      // does not acknowledge
    uint32_t knows; // WIRE_KNOWS_*, told in answer to hello
};

// cmocka set-up and tear-down: *state is a struct scene with the X server running and no streamer yet.
int scene_start(void **state);
int scene_end(void **state);

// Applies and acknowledges one message. false when nothing came in time or the stream has ended.
bool scene_step(struct scene *s, int timeout_ms);
void scene_acknowledge(struct scene *s);
// Goes on until nothing has come for QUIET_MS in which the streamer could run.
void scene_settle(struct scene *s);
// Attaches and settles.
void scene_open(struct scene *s);

// The streamer has ended: what was its is given back, and another one can be attached.
void scene_part(struct scene *s);
// The viewer leaves, which is a good end, and parts.
void scene_leave(struct scene *s);

bool scene_exact(const struct scene *s);
// Mean squared error of the colours; 65 is a PSNR of 30 dB.
double scene_error(const struct scene *s);
void scene_check_exit(struct scene *s, int code, const char *line);
