#pragma once
// Counters of one viewer's stream, sent every two seconds while frames flow.

#include <stdbool.h>

#include "lib/streamer_channel.h"
#include "lib/wire.h"

#define STATISTICS_INTERVAL_US UINT64_C(2000000)
#define STATISTICS_FIRST_US UINT64_C(500000) // after the start
#define STATISTICS_ANSWER_US UINT64_C(1000000)
#define STATISTICS_SAMPLES 256u

struct statistics {
    struct wire_statistics counters;
    uint32_t samples[STATISTICS_SAMPLES]; // encode times since the last report, µs
    size_t sample_count;
    struct stream_report report; // for sandbox-server, since the last one
    uint64_t
        input_us; // when the oldest input arrived that no update has followed, or whose update is on its way; 0: none
    uint32_t input_sequence; // of that update; 0: none yet
    uint64_t probe_us;       // when the update was sent whose acknowledgement is awaited
    uint32_t probe_sequence; // 0: none
    uint64_t reported_us;
};

// One update's encode time. Beyond STATISTICS_SAMPLES per report the oldest are overwritten.
void statistics_encoded(struct statistics *s, uint32_t encode_us);
// Input arrived that pixels may answer; an update was sent; the browser has painted all up to a sequence.
void statistics_input(struct statistics *s, uint64_t now_us);
void statistics_sent(struct statistics *s, uint64_t now_us, uint32_t sequence);
void statistics_painted(struct statistics *s, uint64_t now_us, uint32_t sequence);
bool statistics_due(const struct statistics *s, uint64_t now_us);
// The report, percentiles included; starts the next interval.
struct wire_statistics statistics_report(struct statistics *s, uint64_t now_us);
