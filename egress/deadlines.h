#pragma once
// Deadlines on one timerfd. Each kind has one length, so each kind's list is in order by itself and setting, moving
// and clearing cost nothing.

#include <stdint.h>

#include "egress/loop.h"

enum deadline_kind {
    DEADLINE_HEAD,
    DEADLINE_RESOLVE,
    DEADLINE_CONNECT,
    DEADLINE_IDLE,
    DEADLINE_KEEP_ALIVE,
    DEADLINE_LINGER,
    DEADLINE_PAUSE,
    DEADLINE_KIND_COUNT,
};

struct deadline {
    struct deadline *next, *previous; // NULL: not set
    uint64_t due;                     // ms of CLOCK_MONOTONIC
    enum deadline_kind kind;
    void (*expired)(struct deadline *deadline); // it is cleared already
};

struct deadlines {
    struct loop *loop;
    struct watch timer;
    uint64_t armed;                        // ms; 0: not
    uint32_t lengths[DEADLINE_KIND_COUNT]; // ms
    struct deadline lists[DEADLINE_KIND_COUNT];
};

uint64_t clock_ms(void);

// `lengths` in ms, one for each kind. 0 or -errno.
int deadlines_init(struct deadlines *deadlines, struct loop *loop,
                   const uint32_t lengths[DEADLINE_KIND_COUNT]);
void deadlines_finish(struct deadlines *deadlines);
// Starts it anew when it is set already.
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, enum deadline_kind kind);
void deadline_clear(struct deadline *deadline);
