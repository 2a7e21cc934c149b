#include "server/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) < 0)
        abort();
    return now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void clock_format(int64_t wall_us, char text[static CLOCK_TEXT_SIZE])
{
    time_t seconds = wall_us / SECOND_US;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char date[24];
    if (strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        abort();
    snprintf(text, CLOCK_TEXT_SIZE, "%.19s.%06uZ", date, (unsigned)(wall_us % SECOND_US));
}
