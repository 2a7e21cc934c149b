#pragma once
// Where the X server's pointer is, for a viewer that somebody else moves it for: a program of the sandbox, or another viewer. Nothing is asked
// while nobody touches a pointer: an alarm of the X server rings when its counter of a pointer's idle time falls, whatever has moved it (a
// device's raw events would miss XWarpPointer). From then on the place is asked for, at the rate of frames, until it has rested.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/display.h"
#include "streaming/grid.h"
#include "streaming/input.h"
#include "streaming/outbox.h"

// Between two questions.
#define POINTER_INTERVAL_US UINT64_C(33000)
// While the viewer itself moves the pointer its browser knows best; what programs do about it is told so long after its last step.
#define POINTER_OWN_US UINT64_C(200000)
// At rest for so long, the alarm is set: it can ring again.
#define POINTER_REST_MS 100

struct pointer {
    struct display *display;
    uint32_t counter; // of the X server; 0: it has none
    bool followed;    // the viewer wants to know
    bool quiet;       // the first answer is where the pointer was before anybody moved it: not told
    bool stirred;     // it may have moved
    bool news;        // `place` is to be told
    bool requested;
    unsigned pointer_sequence, counter_sequence;
    uint64_t asked_us;
    uint64_t next_us;           // no question before
    uint64_t told_us;           // when `place` was found
    struct pointer_place place; // as the viewer knows it, unless it has moved the pointer since
};

// Blocks for a few answers of the X server: the caller's watchdog bounds it. 0 also without the SYNC extension; -EPROTO when its answers make no sense.
int pointer_init(struct pointer *p, struct display *display);
// The viewer's browser draws what it is told. `at_once`: also where the pointer is before it first moves.
void pointer_follow(struct pointer *p, bool at_once);
// The alarm has rung.
void pointer_stir(struct pointer *p);
// Asks when that is due. Returns when to look again, UINT64_MAX when nothing waits. The caller flushes.
uint64_t pointer_advance(struct pointer *p, const struct input *in, uint64_t now_us);
// 0, -EAGAIN when the answer is not there yet, -EPROTO when it makes no sense.
int pointer_receive(struct pointer *p, const struct input *in);
// Puts the news into the outbox, if any, inside the display that the browser knows. -EMSGSIZE.
int pointer_put(struct pointer *p, const struct input *in, struct outbox *outbox, const struct grid *grid);

// The counter of that name in the list of ListSystemCounters, whose entries are as long as the server says; 0: none.
uint32_t pointer_find_counter(const void *list, size_t length, uint32_t count, const char *name);
