// Where a frame's time goes, on a real X server: draw -> packet latency, and CPU and bytes while idle, typing, scrolling.
// usage: stream_stages [width height [preset]]

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/wire.h"
#include "rig.h"
#include "streaming/clock.h"

#define SECOND UINT64_C(1000000)
#define DRAWS 200
#define PHASE (5 * SECOND)

static uint8_t message[STREAM_MESSAGE_MAX];

struct totals {
    unsigned updates, video;
    uint64_t bytes;
    uint32_t encoded_us[4096];
    uint64_t cpu_streamer, cpu_server; // clock ticks
};

static bool is_frame(uint8_t kind)
{
    return kind == WIRE_VIDEO_FRAME || kind == WIRE_LOSSLESS_RECTANGLE || kind == WIRE_COPY_RECTANGLE;
}

// Receives and acknowledges one message; its kind, or 0 when none came.
static uint8_t take(struct rig *r, int timeout_ms, struct totals *t)
{
    ssize_t length = rig_receive(r, message, sizeof(message), timeout_ms);
    if (length <= 0)
        return 0;
    t->bytes += (uint64_t)length;
    if (is_frame(message[0])) {
        uint8_t acknowledgement[16] = {WIRE_ACKNOWLEDGE};
        memcpy(acknowledgement + 4, message + 4, 4);
        rig_send(r, acknowledgement, sizeof(acknowledgement));
        if (message[0] == WIRE_VIDEO_FRAME)
            memcpy(&t->encoded_us[t->video++ % 4096], message + 28, 4);
        t->updates++;
    }
    return message[0];
}

static uint64_t cpu_of(pid_t process)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", process);
    AUTO_FILE FILE *file = fopen(path, "re");
    unsigned long user = 0, system = 0;
    if (!file || !fgets(text, sizeof(text), file) ||
        sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) !=
            2)
        abort();
    return user + system;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_percentiles(const char *name, uint32_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    if (count > 0)
        printf("%-34s p50 %6.2f ms   p95 %6.2f ms\n", name, values[count / 2] / 1e3,
               values[count * 95 / 100] / 1e3);
}

static void drain(struct rig *r, struct totals *t)
{
    while (take(r, 600, t))
        continue;
}

static void measure_latency(struct rig *r, const char *name, unsigned width, unsigned height)
{
    static uint32_t values[DRAWS];
    struct totals t = {0};
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t start = clock_us();
        rig_fill(r, 0x335577 * (i + 1) & 0xffffff, (int)(i * 7 % 200), 50, width, height);
        while (!is_frame(take(r, RIG_PATIENCE_MS, &t)))
            continue;
        values[i] = (uint32_t)(clock_us() - start);
        while (take(r, 40, &t))
            continue; // the frame rate's pause is over then
    }
    print_percentiles(name, values, DRAWS);
    drain(r, &t);
}

static void print_phase(const char *name, const struct totals *t, uint64_t passed)
{
    double seconds = (double)passed / 1e6, ticks = (double)sysconf(_SC_CLK_TCK);
    printf("%-34s streamer %5.1f %%  X server %5.1f %%  %6.1f updates/s  %6.1f video/s  %8.0f kbit/s\n", name,
           (double)t->cpu_streamer / ticks / seconds * 100, (double)t->cpu_server / ticks / seconds * 100,
           t->updates / seconds, t->video / seconds, (double)t->bytes * 8 / 1e3 / seconds);
}

// Calls draw() every interval_us for PHASE, and reports what that cost.
static void measure_phase(struct rig *r, const char *name, uint64_t interval_us,
                          void (*draw)(struct rig *r, unsigned number, xcb_pixmap_t picture),
                          xcb_pixmap_t picture)
{
    static struct totals t;
    t = (struct totals){.cpu_streamer = cpu_of(r->streamer), .cpu_server = cpu_of(r->server)};
    uint64_t start = clock_us(), next = start;
    for (unsigned number = 0; clock_us() - start < PHASE;) {
        uint64_t now = clock_us();
        if (draw && now >= next) {
            draw(r, number++, picture);
            next += interval_us;
            continue;
        }
        uint64_t until = draw ? next : start + PHASE;
        take(r, until > now ? (int)((until - now) / 1000) + 1 : 0, &t);
    }
    uint64_t passed = clock_us() - start;
    t.cpu_streamer = cpu_of(r->streamer) - t.cpu_streamer;
    t.cpu_server = cpu_of(r->server) - t.cpu_server;
    print_phase(name, &t, passed);
    print_percentiles("  of it, encoding a video frame", t.encoded_us, t.video < 4096 ? t.video : 4096);
    drain(r, &t);
}

static void draw_letter(struct rig *r, unsigned number, xcb_pixmap_t picture)
{
    (void)picture;
    rig_fill(r, number * 0x123457 & 0xffffff, (int)(number % 100) * 8, (int)(number / 100) * 16, 8, 14);
}

static void draw_scroll(struct rig *r, unsigned number, xcb_pixmap_t picture)
{
    xcb_copy_area(r->drawer, picture, r->screen->root, r->gc, 0, (int16_t)(number * 16 % r->start.height), 0,
                  0, (uint16_t)r->start.width, (uint16_t)r->start.height);
    xcb_flush(r->drawer);
}

static xcb_pixmap_t make_picture(struct rig *r)
{
    xcb_pixmap_t picture = xcb_generate_id(r->drawer);
    uint16_t width = (uint16_t)r->start.width, height = (uint16_t)r->start.height;
    xcb_create_pixmap(r->drawer, 24, picture, r->screen->root, width, (uint16_t)(height * 2));
    rig_noise(r, 1, 0, 0, width, height);
    xcb_copy_area(r->drawer, r->screen->root, picture, r->gc, 0, 0, 0, 0, width, height);
    xcb_copy_area(r->drawer, r->screen->root, picture, r->gc, 0, 0, 0, (int16_t)height, width, height);
    rig_synchronise(r);
    return picture;
}

static void print_memory(struct rig *r)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", r->streamer);
    AUTO_FILE FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "Pss", 3) == 0)
            printf("streamer %s", line);
    }
}

int main(int argc, char **argv)
{
    uint32_t width = argc > 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1920;
    uint32_t height = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1080;
    struct rig r;
    rig_start(&r, width, height);
    if (argc > 3)
        snprintf(r.start.preset, sizeof(r.start.preset), "%s", argv[3]);
    xcb_pixmap_t picture = make_picture(&r);
    rig_attach(&r, -1);
    struct totals t = {0};
    uint64_t start = clock_us();
    while (!is_frame(take(&r, RIG_PATIENCE_MS, &t)))
        continue;
    printf("%ux%u, preset %s\nattach -> first frame: %.1f ms, %" PRIu64 " bytes\n", width, height,
           r.start.preset, (double)(clock_us() - start) / 1e3, t.bytes);
    drain(&r, &t);
    measure_latency(&r, "draw -> packet, 8x14", 8, 14);
    measure_latency(&r, "draw -> packet, 200x200", 200, 200);
    measure_latency(&r, "draw -> packet, 1/2 screen", width - 250, height / 2);
    measure_phase(&r, "idle", 0, NULL, picture);
    measure_phase(&r, "typing, 10/s", SECOND / 10, draw_letter, picture);
    measure_phase(&r, "scrolling picture, 30/s", SECOND / 30, draw_scroll, picture);
    measure_phase(&r, "scrolling picture, 60/s", SECOND / 60, draw_scroll, picture);
    print_memory(&r);
    rig_finish(&r);
    return 0;
}
