#include "server/metrics.h"

void metrics_count(struct metrics *metrics, enum metric metric)
{
    metrics->counters[metric]++;
}

void metrics_add(struct metrics *metrics, enum metric metric, uint64_t amount)
{
    metrics->counters[metric] += amount;
}

void metrics_request(struct metrics *metrics, unsigned status)
{
    if (status < METRIC_STATUS_MAX)
        metrics->statuses[status]++;
}

void metrics_egress(struct metrics *metrics, const struct egress_totals *totals)
{
    metrics->egress = *totals;
}

void metrics_pool(struct metrics *metrics, const struct sandboxd_pool *pool)
{
    metrics->pool = *pool;
}

void metrics_start(struct metrics *metrics, uint32_t start_us, bool parked)
{
    metrics->parked_starts += parked;
    metrics->cold_starts += !parked;
    unsigned bucket = 0;
    while (bucket < METRIC_START_BUCKETS && start_us > (METRIC_START_FIRST_MS << bucket) * 1000u)
        bucket++;
    metrics->start_buckets[bucket]++;
    metrics->start_us += start_us;
}

void metrics_start_failed(struct metrics *metrics, uint32_t stage)
{
    if (stage < START_STAGE_COUNT)
        metrics->start_failures[stage]++;
}

static void add_histogram(struct metric_histogram *sum, const struct stream_histogram *part)
{
    for (unsigned i = 0; i < STREAM_REPORT_BUCKETS; i++)
        sum->buckets[i] += part->buckets[i];
    sum->sum_us += part->sum_us;
}

void metrics_stream(struct metrics *metrics, const struct stream_report *report)
{
    metrics->video_frames += report->video_frames;
    metrics->lossless_rectangles += report->lossless_rectangles;
    metrics->copies += report->copies;
    metrics->frames_skipped += report->skipped;
    add_histogram(&metrics->encode, &report->encode);
    add_histogram(&metrics->input, &report->input);
    add_histogram(&metrics->acknowledged, &report->acknowledged);
}

void metrics_end(struct metrics *metrics, enum stop_reason reason)
{
    if (reason < STOP_REASON_COUNT)
        metrics->ends[reason]++;
}

void metrics_limit(struct metrics *metrics, enum metric_limit limit)
{
    metrics->limits[limit]++;
}
