#pragma once
// What update.c (what goes how) and update_messages.c (the messages) share; nobody else includes it.

#include "streaming/update.h"

static inline uint32_t microseconds(uint64_t from, uint64_t to)
{
    uint64_t passed = to - from;
    return passed < UINT32_MAX ? (uint32_t)passed : UINT32_MAX;
}

static inline uint32_t milliseconds(uint64_t us)
{
    return (uint32_t)(us / 1000);
}

// Each puts its messages into the outbox. -EMSGSIZE when they are too much for it.
// Finds what has moved, and moves it here as the browser will.
int update_send_copies(struct update *u, const struct update_moment *moment);
// All that is CELL_CHANGED.
int update_send_lossless(struct update *u, const struct update_moment *moment);
// All that is CELL_VIDEO, as one frame.
int update_send_video(struct update *u, const struct update_moment *moment, int *ret_quantizer);
// One rectangle of what the browser is to show.
int update_put_lossless(struct update *u, const struct update_moment *moment, struct rectangle r);
