#pragma once
// When what a recording holds happened. A record tells when its message came; picture and sound tell by one clock, the streamer's, when they were taken. By
// that clock they stand together, however long one of them was on its way.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct moments {
    bool known;
    int64_t
        offset_us; // from the streamer's clock to the recording's, by the message that was on its way for the shortest time
};

// All records of a recording in their order, before the first question.
void moments_learn(struct moments *moments, uint64_t record_us, const uint8_t *message, size_t length);
// Of the recording: never after the record, and at most MOMENTS_LATE_US before it. A clock that is wrong is not followed.
uint64_t moments_of(const struct moments *moments, uint64_t record_us, const uint8_t *message, size_t length);

#define MOMENTS_LATE_US 2000000u
