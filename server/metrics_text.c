#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/metrics.h"
#include "server/programs.h"

static const struct {
    const char *name;
    const char *help;
} counters[METRIC_COUNT] = {
    [METRIC_SIGN_INS] = {"sign_ins", "Successful sign-ins"},
    [METRIC_SIGN_INS_FAILED] = {"sign_ins_failed", "Wrong passwords, unknown users, disabled accounts"},
    [METRIC_REFRESHES] = {"refreshes", "Refresh tokens rotated"},
    [METRIC_REFRESHES_FAILED] = {"refreshes_failed", "Refresh tokens refused"},
    [METRIC_SANDBOX_STARTS] = {"sandbox_starts", "Sandboxes asked for"},
    [METRIC_VIEWERS_REFUSED] = {"websockets_refused", "WebSockets refused before the upgrade"},
    [METRIC_BYTES_TO_BROWSERS] = {"relayed_to_browsers_bytes", "Stream bytes relayed to browsers"},
    [METRIC_BYTES_FROM_BROWSERS] = {"relayed_from_browsers_bytes", "Bytes of browsers' messages"},
};

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
        fprintf(out, "%s_bucket{le=\"%u.%03u\"} %" PRIu64 "\n", name, (METRIC_START_FIRST_MS << i) / 1000,
                (METRIC_START_FIRST_MS << i) % 1000, count);
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
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        const struct sandboxd_pool_row *row = &metrics->pool.rows[i];
        const char *name = template_name(i);
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
    print_histogram(
        out, "stream_acknowledged_seconds",
        "From an update's sending until the browser has painted it; one at a time for each viewer",
        &metrics->acknowledged);
}

static void print_egress(FILE *out, const struct egress_totals *egress)
{
    print_counter(out, "egress_decisions",
                  "What sandbox-egress decided of the sandboxes' requests, by reason");
    for (unsigned i = 0; i < EGRESS_REASON_COUNT; i++)
        fprintf(out, "sandbox_server_egress_decisions_total{decision=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                i == EGRESS_REASON_LISTED ? "allowed" : "refused", egress_reason_name(i),
                egress->decisions[i]);
    print_counter(out, "egress_bytes", "Bytes between sandboxes and the network, by direction");
    fprintf(out,
            "sandbox_server_egress_bytes_total{direction=\"in\"} %" PRIu64
            "\nsandbox_server_egress_bytes_total{direction=\"out\"} %" PRIu64 "\n",
            egress->bytes_in, egress->bytes_out);
    print_counter(out, "egress_connections_accepted", "Connections of sandboxes to sandbox-egress");
    fprintf(out, "sandbox_server_egress_connections_accepted_total %" PRIu64 "\n", egress->connections);
    print_gauge(out, "egress_connections", "Open connections of sandboxes to sandbox-egress", egress->open);
}

static void print_outcomes(FILE *out, const struct metrics *metrics)
{
    static const char *const limits[LIMIT_COUNT] = {
        [LIMIT_CONNECTIONS] = "connections",
        [LIMIT_SIGN_INS] = "sign_ins",
        [LIMIT_SLOW_SIGN_INS] = "slow_sign_ins",
        [LIMIT_SANDBOXES_PER_USER] = "sandboxes_per_user",
        [LIMIT_SANDBOXES_PER_NODE] = "sandboxes_per_node",
        [LIMIT_VIEWERS] = "viewers",
        [LIMIT_BROWSER] = "browser_messages",
        [LIMIT_WORK] = "waiting_requests",
    };
    print_counter(out, "limits_hit", "What was refused because of a limit, by limit");
    for (unsigned i = 0; i < LIMIT_COUNT; i++)
        fprintf(out, "sandbox_server_limits_hit_total{limit=\"%s\"} %" PRIu64 "\n", limits[i],
                metrics->limits[i]);
    print_counter(out, "sandbox_ends", "Ended sandboxes by reason; memory: killed by the memory limit");
    for (unsigned reason = STOP_NONE + 1; reason < STOP_REASON_COUNT; reason++)
        fprintf(out, "sandbox_server_sandbox_ends_total{reason=\"%s\"} %" PRIu64 "\n",
                stop_reason_name(reason), metrics->ends[reason]);
}

static void print_programs(FILE *out, const struct metric_gauges *gauges)
{
    struct program_memory programs[PROGRAMS_MAX];
    size_t count = programs_memory(gauges->sandboxd_pid, programs);
    fprintf(out, "# HELP sandbox_server_program_resident_bytes Resident memory by program, of all its "
                 "processes; shared "
                 "pages count in each.\n# TYPE sandbox_server_program_resident_bytes gauge\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "sandbox_server_program_resident_bytes{program=\"%s\"} %" PRIu64 "\n", programs[i].name,
                programs[i].bytes);
    fprintf(out, "# HELP sandbox_server_program_processes Processes by program.\n"
                 "# TYPE sandbox_server_program_processes gauge\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "sandbox_server_program_processes{program=\"%s\"} %u\n", programs[i].name,
                programs[i].processes);
}

static void print_gauges(FILE *out, const struct metrics *metrics, const struct metric_gauges *gauges)
{
    fprintf(
        out,
        "# HELP sandbox_server_build_info What runs: always 1.\n# TYPE sandbox_server_build_info gauge\n"
        "sandbox_server_build_info{version=\"" SANDBOX_VERSION "\",node=\"%s\"} 1\n"
        "# HELP sandbox_server_sandboxes Sandboxes of this node by state.\n# TYPE sandbox_server_sandboxes "
        "gauge\n"
        "sandbox_server_sandboxes{state=\"starting\"} %u\nsandbox_server_sandboxes{state=\"running\"} %u\n"
        "sandbox_server_sandboxes{state=\"stopping\"} %u\n",
        gauges->node, gauges->starting, gauges->running, gauges->stopping);
    print_gauge(out, "sandboxes_maximum", "Sandboxes that this node runs at once", gauges->maximum);
    print_gauge(out, "viewers", "Open desktop WebSockets", gauges->viewers);
    print_gauge(out, "connections", "Open HTTP connections, WebSockets included", gauges->connections);
    print_gauge(out, "connections_maximum", "Connections that are taken at once",
                gauges->connections_maximum);
    print_gauge(out, "sandboxd_connected", "1: sandboxd answers", gauges->sandboxd_connected);
    print_gauge(out, "database_connected", "1: the database announces changes to us",
                gauges->database_connected);
    print_gauge(out, "draining", "1: no new sandbox is started here", gauges->draining);
    if (gauges->storage_bytes) {
        print_gauge(out, "storage_free_bytes", "Free space for home directories", gauges->storage_free_bytes);
        print_gauge(out, "storage_size_bytes", "Size of the file system of the home directories",
                    gauges->storage_bytes);
    }
    if (gauges->certificate_expiry)
        print_gauge(out, "certificate_expiry_timestamp_seconds",
                    "When CERTIFICATE_FILE ends, seconds since 1970", gauges->certificate_expiry);
    if (metrics->backup_us) // absent until there is one
        print_gauge(out, "backup_last_timestamp_seconds", "When this node's last backup was finished",
                    (uint64_t)metrics->backup_us / 1000000);
}

char *metrics_text(const struct metrics *metrics, const struct metric_gauges *gauges)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    print_counters(out, metrics);
    print_outcomes(out, metrics);
    print_starts(out, metrics);
    print_pool(out, metrics);
    print_egress(out, &metrics->egress);
    print_stream(out, metrics);
    print_gauges(out, metrics, gauges);
    print_programs(out, gauges);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
