#include "lib/streamer_channel.h"

#include <errno.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/log.h"

size_t framebuffer_size(uint32_t width, uint32_t height)
{
    return FRAMEBUFFER_HEADER_SIZE + (size_t)width * height * 4;
}

static bool terminated(const char *text)
{
    return strnlen(text, STREAMER_NAME_MAX) < STREAMER_NAME_MAX;
}

int streamer_start_check(const struct streamer_start *start, size_t length)
{
    if (length != sizeof(*start) || start->magic != STREAMER_START_MAGIC || start->full_chroma > 1 ||
        start->alone > 1)
        return -EPROTO;
    if (start->width < DISPLAY_WIDTH_MIN || start->width > DISPLAY_WIDTH_MAX ||
        start->height < DISPLAY_HEIGHT_MIN || start->height > DISPLAY_HEIGHT_MAX)
        return -EPROTO;
    if (start->framerate < 1 || start->framerate > 240 || start->bitrate_kbps < 100 ||
        !stream_policy_valid(&start->policy) || start->view_only > 1 || start->log_level > LOG_LEVEL_DEBUG ||
        start->log_json > 1)
        return -EPROTO;
    if (!terminated(start->codec) || !terminated(start->preset) || !terminated(start->tune))
        return -EPROTO;
    return 0;
}

void stream_histogram_add(struct stream_histogram *histogram, uint64_t us)
{
    unsigned bucket = 0;
    while (bucket < STREAM_REPORT_BUCKETS - 1 && us > UINT64_C(1000) << bucket)
        bucket++;
    histogram->buckets[bucket]++;
    histogram->sum_us += us;
}

static bool possible(const struct stream_histogram *histogram)
{
    bool good = histogram->reserved == 0 && histogram->sum_us <= UINT64_C(1000000) * STREAM_REPORT_COUNT_MAX;
    for (int i = 0; i < STREAM_REPORT_BUCKETS; i++)
        good &= histogram->buckets[i] <= STREAM_REPORT_COUNT_MAX;
    return good;
}

int stream_report_check(const struct stream_report *report, size_t length)
{
    if (length != sizeof(*report) || report->video_frames > STREAM_REPORT_COUNT_MAX ||
        report->lossless_rectangles > STREAM_REPORT_COUNT_MAX || report->copies > STREAM_REPORT_COUNT_MAX ||
        report->skipped > STREAM_REPORT_COUNT_MAX || !possible(&report->encode) ||
        !possible(&report->input) || !possible(&report->acknowledged))
        return -EPROTO;
    return 0;
}
