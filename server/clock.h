#pragma once
// Times: microseconds since the epoch (as the database has them), microseconds of the monotonic clock, and RFC 3339 text.

#include <stdint.h>

#define SECOND_US 1000000ll
#define CLOCK_TEXT_SIZE 28 // "2026-01-02T03:04:05.678901Z" and the NUL

int64_t clock_wall_us(void);
int64_t clock_monotonic_us(void);
// UTC with microseconds.
void clock_format(int64_t wall_us, char text[static CLOCK_TEXT_SIZE]);
