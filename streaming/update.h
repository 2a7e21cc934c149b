#pragma once
// From damaged macroblocks to messages: what has moved (copies), what is sent without loss, what as video, and what is repaired once it is
// still. One update is, in this order: the copies, lossless rectangles, one video frame.

#include <stdbool.h>
#include <stdint.h>

#include "lib/streamer_channel.h"
#include "streaming/framebuffer.h"
#include "streaming/grid.h"
#include "streaming/lossless.h"
#include "streaming/motion.h"
#include "streaming/outbox.h"
#include "streaming/pace.h"
#include "streaming/screen.h"
#include "streaming/statistics.h"
#include "streaming/video.h"

// Lossy parts of the picture are repaired when they have not changed for so long.
#define REPAIR_AFTER_US UINT64_C(200000)
// At most so many macroblocks are the echo of input.
#define ECHO_CELLS_MAX 64u
// Each lossless rectangle is a message, and each message is acknowledged: browsers may send only so many messages per second.
#define UPDATE_LOSSLESS_MAX 6u

struct update {
    const struct streamer_start *start;
    struct framebuffer framebuffer;
    struct image live; // the part of it that is the display
    struct grid grid;
    struct screen screen;
    struct motion motion;
    struct lossless lossless;
    struct video video;
    struct outbox *outbox;
    struct pace pace;
    struct statistics statistics;
    uint32_t sequence;   // of the last message
    unsigned step;       // rows that scrolls have in common, or 0
    unsigned line;       // the same where it can be the height of a line of text, or 0
    bool key_needed;     // of the full display
    bool grouped;        // the browser acknowledges updates, not messages
    uint64_t repair_us;  // no repair before
    uint64_t input_us;   // when the viewer last did something
    uint64_t hurried_us; // when the next update would be due without a rest
};

// What the frame header says of an update.
struct update_moment {
    uint64_t now_us;
    uint64_t damaged_us; // first damage; 0 when there is none
    uint32_t input;
};

int update_init(struct update *u, const struct streamer_start *start, int framebuffer_fd,
                struct outbox *outbox);
void update_finish(struct update *u);
// The display has another size, at most the framebuffer's: encoder and grid are made anew, the next update is a key frame. -EINVAL, -ENOMEM: the
// update can only be finished then.
int update_resize(struct update *u, uint16_t width, uint16_t height);

// Puts what is damaged (all of it when a key frame is needed) into the empty outbox and tells the pace. 0,
// also when nothing was damaged; -EIO when the encoder failed.
int update_damage(struct update *u, const struct update_moment *moment);
// Puts the small changes beside a moving picture, what the viewer's input has most likely brought about, into the empty outbox ahead of
// the rest of the damage. Puts nothing when there is no such change.
int update_echo(struct update *u, const struct update_moment *moment);
// Puts some of what is lossy and still into the empty outbox, losslessly.
int update_repair(struct update *u, const struct update_moment *moment);
// The viewer has done something: what it changes is not to wait for the rest that costly updates are followed by.
void update_hurry(struct update *u, uint64_t now_us);
// True while something waits to be repaired.
bool update_repairs(const struct update *u);
// The browser's decoder lost its way: the next update is a key frame of the full display.
void update_refresh(struct update *u);
