#pragma once
// Notices that somebody sets the wall clock.

#include "server/loop.h"

struct clock_step {
    struct loop *loop;
    struct loop_watch watch;
    int fd;
    int64_t base_us; // what the wall clock is ahead of the monotonic one
    void (*stepped)(void *data, int64_t step_us);
    void *data;
};

// Calls `stepped` from the loop as soon as the wall clock was set, with by how much. 0 or -errno.
int clock_step_init(struct clock_step *clock, struct loop *loop, void (*stepped)(void *data, int64_t step_us),
                    void *data);
// The same at once, for who is about to use the wall clock.
void clock_step_check(struct clock_step *clock);
void clock_step_finish(struct clock_step *clock);
