#pragma once
// Whether every processor is wanted, by samples of how many tasks want one.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A sample costs 6 us with its wakeup. What wants the machine is held back by its quota for up to a tenth of a second at a time, half of the time and
// more: a sample that finds nothing then does not end the ticking.
#define DEMAND_QUIET_MS 100
#define DEMAND_TICKING_MS 50
#define DEMAND_HOLD_MS 500

struct demand {
    unsigned processors;
    uint64_t until_ms; // it counts as wanted
};

// The number of tasks that run or wait for a processor, from the text of /proc/loadavg ("0.24 1.53 1.64 2/345 12345"). False when that is not its form.
bool demand_parse(const char *text, size_t length, unsigned *ret_running);
// Takes a sample; the caller, which runs as it takes it, is one of the tasks. True: every processor is wanted, or was lately.
bool demand_sample(struct demand *demand, uint64_t now_ms, unsigned running);
