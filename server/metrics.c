#include "server/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

static const struct {
    const char *name;
    const char *help;
} counters[METRIC_COUNT] = {
    [METRIC_CONNECTIONS_REFUSED] = {"connections_refused", "Connections over the maximum"},
    [METRIC_SIGN_INS] = {"sign_ins", "Successful sign-ins"},
    [METRIC_SIGN_INS_FAILED] = {"sign_ins_failed", "Wrong passwords, unknown users, disabled accounts"},
    [METRIC_SIGN_INS_LIMITED] = {"sign_ins_limited", "Sign-ins refused by the rate limit"},
    [METRIC_REFRESHES] = {"refreshes", "Refresh tokens rotated"},
    [METRIC_REFRESHES_FAILED] = {"refreshes_failed", "Refresh tokens refused"},
    [METRIC_SANDBOX_STARTS] = {"sandbox_starts", "Sandboxes asked for"},
    [METRIC_EGRESS_ALLOWED] = {"egress_requests_allowed",
                               "Requests of ended sandboxes to the network that their policies allowed"},
    [METRIC_EGRESS_REFUSED] = {"egress_requests_refused",
                               "Requests of ended sandboxes to the network that were refused"},
    [METRIC_EGRESS_BYTES_IN] = {"egress_received_bytes", "Bytes from the network to ended sandboxes"},
    [METRIC_EGRESS_BYTES_OUT] = {"egress_sent_bytes", "Bytes from ended sandboxes to the network"},
    [METRIC_VIEWERS_REFUSED] = {"websockets_refused", "WebSockets refused before the upgrade"},
    [METRIC_BYTES_TO_BROWSERS] = {"relayed_to_browsers_bytes", "Stream bytes relayed to browsers"},
    [METRIC_BYTES_FROM_BROWSERS] = {"relayed_from_browsers_bytes", "Bytes of browsers' messages"},
};

static const uint32_t start_bounds_ms[METRIC_START_BUCKETS] = {100, 200, 400, 800, 1600, 3200, 6400, 12800};

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

void metrics_pool(struct metrics *metrics, const struct sandboxd_pool *pool)
{
    metrics->pool = *pool;
}

void metrics_start(struct metrics *metrics, uint32_t start_us, bool parked)
{
    metrics->parked_starts += parked;
    metrics->cold_starts += !parked;
    unsigned bucket = 0;
    while (bucket < METRIC_START_BUCKETS && start_us > start_bounds_ms[bucket] * 1000u)
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
}

static void print_counter(FILE *out, const char *name, const char *help)
{
    fprintf(out, "# HELP sandbox_server_%s_total %s.\n# TYPE sandbox_server_%s_total counter\n", name, help,
            name);
}

static void print_gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
    fprintf(out,
            "# HELP sandbox_server_%s %s.\n# TYPE sandbox_server_%s gauge\nsandbox_server_%s %" PRIu64 "\n",
            name, help, name, name, value);
}

static void print_counters(FILE *out, const struct metrics *metrics)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        print_counter(out, counters[i].name, counters[i].help);
        fprintf(out, "sandbox_server_%s_total %" PRIu64 "\n", counters[i].name, metrics->counters[i]);
    }
    print_counter(out, "http_answers", "HTTP answers by status");
    for (unsigned status = 0; status < METRIC_STATUS_MAX; status++) {
        if (metrics->statuses[status])
            fprintf(out, "sandbox_server_http_answers_total{status=\"%u\"} %" PRIu64 "\n", status,
                    metrics->statuses[status]);
    }
    print_counter(out, "sandbox_start_failures", "Failed starts by stage");
    for (uint32_t stage = 0; stage < START_STAGE_COUNT; stage++)
        fprintf(out, "sandbox_server_sandbox_start_failures_total{stage=\"%s\"} %" PRIu64 "\n",
                start_stage_name(stage), metrics->start_failures[stage]);
}

static void print_starts(FILE *out, const struct metrics *metrics)
{
    static const char name[] = "sandbox_server_sandbox_start_seconds";
    uint64_t count = 0;
    fprintf(out, "# HELP %s From CREATE to a usable desktop.\n# TYPE %s histogram\n", name, name);
    for (unsigned i = 0; i < METRIC_START_BUCKETS; i++) {
        count += metrics->start_buckets[i];
        fprintf(out, "%s_bucket{le=\"%u.%u\"} %" PRIu64 "\n", name, start_bounds_ms[i] / 1000,
                start_bounds_ms[i] % 1000 / 100, count);
    }
    count += metrics->start_buckets[METRIC_START_BUCKETS];
    fprintf(out,
            "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64 ".%06" PRIu64 "\n%s_count %" PRIu64 "\n",
            name, count, name, metrics->start_us / 1000000, metrics->start_us % 1000000, name, count);
}

static void print_pool(FILE *out, const struct metrics *metrics)
{
    print_counter(out, "sandbox_starts_by_kind", "Starts that succeeded: of a parked sandbox, or cold");
    fprintf(out,
            "sandbox_server_sandbox_starts_by_kind_total{kind=\"parked\"} %" PRIu64
            "\nsandbox_server_sandbox_starts_by_kind_total{kind=\"cold\"} %" PRIu64 "\n",
            metrics->parked_starts, metrics->cold_starts);
    fprintf(out, "# HELP sandbox_server_sandbox_pool Parked sandboxes by template.\n"
                 "# TYPE sandbox_server_sandbox_pool gauge\n");
    for (uint32_t i = 0; i < TEMPLATE_COUNT; i++) {
        const char *name = template_name(i);
        const struct sandboxd_pool_row *row = &metrics->pool.rows[i];
        fprintf(out,
                "sandbox_server_sandbox_pool{template=\"%s\",state=\"wanted\"} %u\n"
                "sandbox_server_sandbox_pool{template=\"%s\",state=\"ready\"} %u\n"
                "sandbox_server_sandbox_pool{template=\"%s\",state=\"building\"} %u\n",
                name, row->size, name, row->ready, name, row->building);
    }
    print_gauge(out, "sandbox_pool_held_bytes", "The most memory that the parked sandboxes may take now",
                (uint64_t)metrics->pool.held_mb << 20);
}

static void print_histogram(FILE *out, const char *name, const char *help, const struct metric_histogram *h)
{
    uint64_t count = 0;
    fprintf(out, "# HELP sandbox_server_%s %s.\n# TYPE sandbox_server_%s histogram\n", name, help, name);
    for (unsigned i = 0; i < STREAM_REPORT_BUCKETS - 1; i++) {
        count += h->buckets[i];
        fprintf(out, "sandbox_server_%s_bucket{le=\"%u.%03u\"} %" PRIu64 "\n", name, (1u << i) / 1000,
                (1u << i) % 1000, count);
    }
    count += h->buckets[STREAM_REPORT_BUCKETS - 1];
    fprintf(out,
            "sandbox_server_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nsandbox_server_%s_sum %" PRIu64 ".%06" PRIu64
            "\nsandbox_server_%s_count %" PRIu64 "\n",
            name, count, name, h->sum_us / 1000000, h->sum_us % 1000000, name, count);
}

static void print_stream(FILE *out, const struct metrics *metrics)
{
    print_counter(out, "stream_frames", "What streamers have sent, by kind");
    fprintf(out,
            "sandbox_server_stream_frames_total{kind=\"video\"} %" PRIu64
            "\nsandbox_server_stream_frames_total{kind=\"lossless\"} %" PRIu64
            "\nsandbox_server_stream_frames_total{kind=\"copy\"} %" PRIu64 "\n",
            metrics->video_frames, metrics->lossless_rectangles, metrics->copies);
    print_counter(out, "stream_frames_skipped", "Frames too large for a message, made again coarser");
    fprintf(out, "sandbox_server_stream_frames_skipped_total %" PRIu64 "\n", metrics->frames_skipped);
    print_histogram(out, "stream_encode_seconds", "From capture until an update is ready to be sent",
                    &metrics->encode);
    print_histogram(
        out, "stream_input_seconds",
        "From an input's arrival at the streamer until the browser has painted the update after it",
        &metrics->input);
}

// proc(5): the second number of statm is the resident set, in pages.
static uint64_t resident_bytes(void)
{
    AUTO_FREE char *text = NULL;
    size_t length;
    unsigned long long total, resident;
    if (read_file_at(AT_FDCWD, "/proc/self/statm", 4096, &text, &length) < 0 ||
        sscanf(text, "%llu %llu", &total, &resident) != 2)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

char *metrics_text(const struct metrics *metrics, const struct metric_gauges *gauges)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    print_counters(out, metrics);
    print_starts(out, metrics);
    print_pool(out, metrics);
    print_stream(out, metrics);
    fprintf(
        out,
        "# HELP sandbox_server_sandboxes Sandboxes of this node by state.\n# TYPE sandbox_server_sandboxes "
        "gauge\n"
        "sandbox_server_sandboxes{state=\"starting\"} %u\nsandbox_server_sandboxes{state=\"running\"} %u\n"
        "sandbox_server_sandboxes{state=\"stopping\"} %u\n",
        gauges->starting, gauges->running, gauges->stopping);
    print_gauge(out, "viewers", "Open desktop WebSockets", gauges->viewers);
    print_gauge(out, "connections", "Open HTTP connections, WebSockets included", gauges->connections);
    if (metrics->backup_us) // absent until there is one
        print_gauge(out, "backup_last_timestamp_seconds", "When this node's last backup was finished",
                    metrics->backup_us / 1000000);
    print_gauge(out, "sandboxd_connected", "1: sandboxd answers", gauges->sandboxd_connected);
    print_gauge(out, "resident_bytes", "Resident memory of this process", resident_bytes());
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
