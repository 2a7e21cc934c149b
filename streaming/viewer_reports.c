// What a stream tells of itself: to the browser by message 0x09, to sandbox-server by a report.
#include <string.h>

#include "lib/wire.h"
#include "streaming/viewer_private.h"

// What sandbox-server counts of all streams.
static int put_report(struct viewer *v)
{
    struct stream_report *report = &v->update.statistics.report;
    const uint32_t *kinds = v->outbox.kinds;
    report->video_frames = kinds[WIRE_VIDEO_FRAME] - v->reported_kinds[WIRE_VIDEO_FRAME];
    report->lossless_rectangles = kinds[WIRE_LOSSLESS_RECTANGLE] - v->reported_kinds[WIRE_LOSSLESS_RECTANGLE];
    report->copies = kinds[WIRE_COPY_RECTANGLE] - v->reported_kinds[WIRE_COPY_RECTANGLE];
    report->skipped = v->update.statistics.counters.skipped - v->reported_skipped;
    memcpy(v->reported_kinds, kinds, sizeof(v->reported_kinds));
    v->reported_skipped = v->update.statistics.counters.skipped;
    struct writer w = outbox_begin(&v->outbox);
    write_bytes(&w, report, sizeof(*report));
    *report = (struct stream_report){0};
    return outbox_end_report(&v->outbox, &w);
}

int viewer_reports_put(struct viewer *v, uint64_t now_us)
{
    const struct pace *pace = &v->update.pace;
    struct wire_statistics *counters = &v->update.statistics.counters;
    counters->sent_kib = (uint32_t)(v->outbox.bytes_sent / 1024);
    counters->rate_kbps = (uint32_t)(pace->path.rate / 125);
    counters->round_trip_us = (uint32_t)path_floor(&pace->path);
    counters->queue_us = (uint32_t)(pace->path.queue_us < UINT32_MAX ? pace->path.queue_us : UINT32_MAX);
    counters->interval_us = (uint32_t)pace->interval_us;
    struct wire_statistics report = statistics_report(&v->update.statistics, now_us);
    struct writer w = outbox_begin(&v->outbox);
    wire_write_statistics(&w, &report);
    int error = outbox_end(&v->outbox, &w);
    return error ? error : put_report(v);
}
