#pragma once
// Whether every processor is wanted, by samples of how many tasks want one.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What wants the machine is held back by its quota for up to a tenth of a second at a time, half of the time and
// more: a sample that finds nothing then does not end the ticking.
#define DEMAND_IDLE_MS 500 // nothing else ran
#define DEMAND_QUIET_MS 100
#define DEMAND_TICKING_MS 50
#define DEMAND_HOLD_MS 500
// The kernel wakes up together what may wait a little, those that tick among them: who wants a processor has it wanted still a moment later.
#define DEMAND_AGAIN_MS 3

struct demand {
    unsigned processors;
    uint64_t until_ms; // it counts as wanted
    bool suspected;    // by the last sample, and the next one tells
    bool idle;         // by the last sample
};

// The number of tasks that run or wait for a processor, from the text of /proc/loadavg ("0.24 1.53 1.64 2/345 12345"). False when that is not its form.
bool demand_parse(const char *text, size_t length, unsigned *ret_running);
// Takes a sample; the caller, which runs as it takes it, is one of the tasks. True: every processor is wanted, by two samples, or was lately.
bool demand_sample(struct demand *demand, uint64_t now_ms, unsigned running);
// How long until the next one, after a sample that gave `wanted`.
int demand_pause_ms(const struct demand *demand, bool wanted);
