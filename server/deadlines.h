#pragma once
// When a sandbox ends by itself: the session limit and the idle limit, each with a warning before. Pure: times go in, events come out.

#include <stdbool.h>
#include <stdint.h>

struct deadlines {
    int64_t limit_us; // wall clock; 0: not running yet
    int64_t idle_us;
    int64_t warning_us; // this long before either
    bool limit_warned;
    bool idle_warned;
};

enum deadline_event {
    DEADLINE_NONE,
    DEADLINE_LIMIT_WARNING,
    DEADLINE_IDLE_WARNING,
    DEADLINE_LIMIT,
    DEADLINE_IDLE,
};

// What is due now, the gravest first; each warning once. Without anything due, ret_next_us is when to ask again.
enum deadline_event deadlines_due(struct deadlines *deadlines, int64_t now_us, int64_t *ret_next_us);

// The clock was set by so much: what remains of both stays as it is.
void deadlines_move(struct deadlines *deadlines, int64_t step_us);

// There was input: the idle limit moves. True when a warning had been given, which is cleared then.
bool deadlines_active(struct deadlines *deadlines, int64_t idle_us);
