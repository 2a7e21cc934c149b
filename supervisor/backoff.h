#pragma once

#include <stdint.h>

// How long to wait before a program is started again.
struct backoff {
    unsigned quick_deaths;
};

// It died after `lived` milliseconds; returns the milliseconds to wait: none at first, then doubling up to
// five seconds while it keeps dying within ten seconds of its start.
int64_t backoff_next(struct backoff *backoff, int64_t lived);
