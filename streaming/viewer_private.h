#pragma once
// What the parts of a viewer share: viewer.c (the loop), viewer_display.c (what the X server says), viewer_updates.c (the next update),
// viewer_messages.c (what the browser says) and viewer_reports.c. Nobody else includes it.

#include <stdbool.h>
#include <stdint.h>

#include "lib/limits.h"
#include "lib/streamer_channel.h"
#include "streaming/clipboard.h"
#include "streaming/cursor.h"
#include "streaming/damage.h"
#include "streaming/display.h"
#include "streaming/input.h"
#include "streaming/outbox.h"
#include "streaming/pointer.h"
#include "streaming/resize.h"
#include "streaming/sound.h"
#include "streaming/update.h"
#include "streaming/voice.h"

#define NEVER UINT64_MAX

struct viewer {
    const struct streamer_start *start;
    int stream, epoll, timer;
    struct display display;
    struct damage damage;
    struct cursor cursor;
    struct pointer pointer;
    struct input input;
    struct resize resize;
    struct clipboard clipboard;
    struct outbox outbox;
    struct sound sound;
    struct voice voice;
    uint32_t sound_interest; // epoll events asked for on its socket
    struct update update;
    uint64_t input_us;                               // when the viewer's last input was handled
    uint64_t echo_us;                                // no look for its echo before
    uint32_t reported_kinds[WIRE_POINTER_PLACE + 1]; // what sandbox-server was told of
    uint32_t reported_skipped;
    uint64_t wake_us;  // what the timer is set to
    uint32_t interest; // epoll events asked for on the stream
    bool left;         // the viewer has gone
    uint8_t packet[CLIPBOARD_MESSAGE_MAX + 1];
    const char *problem;
};

// Keeps the first problem in words. Returns the error as it is.
static inline int viewer_fail(struct viewer *v, int error, const char *problem)
{
    if (error && !v->problem)
        v->problem = problem;
    return error;
}

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// Takes what the X server has sent. ret_progress: something came, so that there may be more to do before sleeping.
int viewer_read_display(struct viewer *v, bool *ret_progress);
// Makes the update that is due, if any, into the empty outbox. ret_wake: when to look again, if that is known.
int viewer_make_update(struct viewer *v, uint64_t now_us, uint64_t *ret_wake);
// Follows a change of the display's size, between two updates: nothing of the old size is on its way to the outbox then.
int viewer_follow_size(struct viewer *v, uint64_t now_us, uint64_t *ret_wake);
// Answers wait in the outbox: a viewer that does not take them is not heard either. Neither is one whose last character is still being
// typed, so that nothing overtakes it.
bool viewer_messages_heard(const struct viewer *v);
// Acts on the messages that are there, up to a bound. The viewer's leaving sets `left` and is no error.
int viewer_messages_read(struct viewer *v);
// Tells the browser the size in force.
int viewer_put_display(struct viewer *v);
// Puts both reports into the outbox. -EMSGSIZE when it is full.
int viewer_reports_put(struct viewer *v, uint64_t now_us);
