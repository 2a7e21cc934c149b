#include "streaming/statistics.h"

#include <stdlib.h>

void statistics_encoded(struct statistics *s, uint32_t encode_us)
{
    s->samples[s->sample_count++ % STATISTICS_SAMPLES] = encode_us;
    s->counters.encoded++;
    stream_histogram_add(&s->report.encode, encode_us);
}

void statistics_input(struct statistics *s, uint64_t now_us)
{
    if (s->input_us == 0)
        s->input_us = now_us;
}

void statistics_sent(struct statistics *s, uint64_t now_us, uint32_t sequence)
{
    if (s->probe_sequence == 0) {
        s->probe_us = now_us;
        s->probe_sequence = sequence;
    }
    if (s->input_us == 0 || s->input_sequence != 0)
        return;
    // An update that comes so late shows something else.
    if (now_us - s->input_us > STATISTICS_ANSWER_US)
        s->input_us = 0;
    else
        s->input_sequence = sequence;
}

void statistics_painted(struct statistics *s, uint64_t now_us, uint32_t sequence)
{
    if (s->probe_sequence != 0 && sequence >= s->probe_sequence) {
        stream_histogram_add(&s->report.acknowledged, now_us - s->probe_us);
        s->probe_sequence = 0;
    }
    if (s->input_sequence == 0 || sequence < s->input_sequence)
        return;
    stream_histogram_add(&s->report.input, now_us - s->input_us);
    s->input_us = 0;
    s->input_sequence = 0;
}

bool statistics_due(const struct statistics *s, uint64_t now_us)
{
    return now_us - s->reported_us >= STATISTICS_INTERVAL_US;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct wire_statistics statistics_report(struct statistics *s, uint64_t now_us)
{
    size_t count = s->sample_count < STATISTICS_SAMPLES ? s->sample_count : STATISTICS_SAMPLES;
    qsort(s->samples, count, sizeof(s->samples[0]), compare);
    s->counters.encode_p50_us = count ? s->samples[count / 2] : 0;
    s->counters.encode_p95_us = count ? s->samples[count * 95 / 100] : 0;
    s->sample_count = 0;
    s->reported_us = now_us;
    return s->counters;
}
