#pragma once
// Counters for Prometheus. Gauges are read from their owners when the text is made.

#include <stdbool.h>
#include <stdint.h>

#include "lib/sandboxd_channel.h"
#include "lib/streamer_channel.h"

enum metric {
    METRIC_SIGN_INS,
    METRIC_SIGN_INS_FAILED,
    METRIC_REFRESHES,
    METRIC_REFRESHES_FAILED,
    METRIC_SANDBOX_STARTS,
    METRIC_VIEWERS_REFUSED, // before the upgrade
    METRIC_BYTES_TO_BROWSERS,
    METRIC_BYTES_FROM_BROWSERS,
    METRIC_COUNT,
};

enum metric_limit {
    LIMIT_CONNECTIONS,
    LIMIT_SIGN_INS,
    LIMIT_SLOW_SIGN_INS, // held back, as many guess at that username
    LIMIT_SANDBOXES_PER_USER,
    LIMIT_SANDBOXES_PER_NODE,
    LIMIT_VIEWERS, // of one sandbox
    LIMIT_BROWSER, // messages or bytes of one
    LIMIT_WORK,    // requests that wait for a worker
    LIMIT_COUNT,
};

#define METRIC_STATUS_MAX 600
#define METRIC_START_BUCKETS 10
#define METRIC_START_FIRST_MS 25u // each bucket's bound is twice the one before

struct metric_histogram {
    uint64_t buckets[STREAM_REPORT_BUCKETS];
    uint64_t sum_us;
};

struct metrics {
    uint64_t backup_us; // when the last backup was finished; 0: not known of any
    uint64_t counters[METRIC_COUNT];
    uint64_t statuses[METRIC_STATUS_MAX]; // answers by HTTP status
    uint64_t start_failures[START_STAGE_COUNT];
    uint64_t start_buckets[METRIC_START_BUCKETS + 1]; // not cumulative; the last one has no bound
    uint64_t start_us;
    uint64_t parked_starts, cold_starts;
    struct egress_totals egress; // as sandboxd told last: since its start, and so for all that it serves
    struct sandboxd_pool pool;   // as sandboxd told last; all 0: nothing is kept ready
    uint64_t video_frames, lossless_rectangles, copies, frames_skipped;
    struct metric_histogram encode, input, acknowledged;
    uint64_t limits[LIMIT_COUNT];
    uint64_t ends[STOP_REASON_COUNT];
};

struct metric_gauges {
    unsigned starting, running, stopping;
    unsigned viewers;
    unsigned connections;
    unsigned maximum;
    unsigned connections_maximum;
    unsigned sandboxd_connected;
    unsigned database_connected;
    unsigned draining;
    pid_t sandboxd_pid; // 0: unknown
    const char *node;
    uint64_t storage_bytes, storage_free_bytes; // 0: unknown
    uint64_t certificate_expiry;                // seconds since 1970; 0: not watched
};

void metrics_count(struct metrics *metrics, enum metric metric);
void metrics_add(struct metrics *metrics, enum metric metric, uint64_t amount);
void metrics_request(struct metrics *metrics, unsigned status);
void metrics_start(struct metrics *metrics, uint32_t start_us, bool parked);
void metrics_egress(struct metrics *metrics, const struct egress_totals *totals);
void metrics_pool(struct metrics *metrics, const struct sandboxd_pool *pool);
void metrics_start_failed(struct metrics *metrics, uint32_t stage);
void metrics_end(struct metrics *metrics, enum stop_reason reason);
void metrics_limit(struct metrics *metrics, enum metric_limit limit);
// What a streamer has reported; it was checked.
void metrics_stream(struct metrics *metrics, const struct stream_report *report);
// The exposition text (version 0.0.4); the caller frees it. NULL when memory is out.
char *metrics_text(const struct metrics *metrics, const struct metric_gauges *gauges);
