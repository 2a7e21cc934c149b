// What an update of a dragged window takes of the streamer alone, without X server, socket and clock: for counting instructions, which other work
// on the machine does not change.
// usage: drag_steps [steps [lines of text in the window]]
//        valgrind --tool=callgrind --collect-atstart=no --toggle-collect=update_damage drag_steps; callgrind_annotate

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/streamer_channel.h"
#include "streaming/clock.h"
#include "streaming/update.h"

#define WIDTH 1920u
#define HEIGHT 1080u
#define WINDOW_WIDTH 812u
#define WINDOW_HEIGHT 540u
#define LINE 17u
#define LETTER 8u
#define FRAME_US UINT64_C(33000)

static uint32_t *pixels;
static uint32_t text[WINDOW_HEIGHT][WINDOW_WIDTH];

// As the desktop's background: three colours from corner to corner.
static uint32_t background(unsigned x, unsigned y)
{
    unsigned along = (x + y) * 256 / (WIDTH + HEIGHT);
    return (0x16 + along * 25 / 256) << 16 | (0x21 + along * 78 / 256) << 8 | (0x3a + along * 76 / 256);
}

static void make_text(unsigned lines)
{
    uint32_t seed = 1;
    for (unsigned y = 0; y < WINDOW_HEIGHT; y++) {
        for (unsigned x = 0; x < WINDOW_WIDTH; x++) {
            bool frame = y < 24 || x < 2 || x >= WINDOW_WIDTH - 2 || y >= WINDOW_HEIGHT - 2;
            text[y][x] = frame ? 0x3b4252 : 0x2e3440;
        }
    }
    for (unsigned top = 28; top + LINE < WINDOW_HEIGHT && lines-- > 0; top += LINE) {
        for (unsigned left = 6; left + LETTER < WINDOW_WIDTH; left += LETTER) {
            for (unsigned i = 0; i < 24 && left % 96 < 80; i++) {
                seed = seed * 1664525u + 1013904223u;
                text[top + 3 + (seed >> 24) % 11][left + (seed >> 16) % 6] =
                    seed & 0x400 ? 0xd8dee9 : 0x8389a0;
            }
        }
    }
}

static void draw(struct update *u, unsigned x, unsigned y, bool window)
{
    for (unsigned row = 0; row < WINDOW_HEIGHT; row++) {
        for (unsigned column = 0; column < WINDOW_WIDTH; column++)
            pixels[(size_t)(y + row) * WIDTH + x + column] =
                window ? text[row][column] : background(x + column, y + row);
    }
    struct rectangle r = {(uint16_t)x, (uint16_t)y, WINDOW_WIDTH, WINDOW_HEIGHT};
    grid_set(&u->grid, r, CELL_DAMAGED);
    u->grid.drawn = rectangles_union(u->grid.drawn, r);
}

static void acknowledge(struct update *u, struct outbox *outbox, uint64_t now_us)
{
    outbox->length = outbox->sent = outbox->count = outbox->current = 0;
    struct path_acknowledgement all = {.sequence = u->sequence};
    if (pace_acknowledged(&u->pace, now_us, &all))
        abort();
}

int main(int argc, char **argv)
{
    unsigned steps = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200;
    size_t size = framebuffer_size(WIDTH, HEIGHT);
    int fd = memfd_create("framebuffer", MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        abort();
    uint8_t *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        abort();
    pixels = (uint32_t *)(mapping + FRAMEBUFFER_HEADER_SIZE);
    struct streamer_start start = {.width = WIDTH, .height = HEIGHT, .framerate = 60, .bitrate_kbps = 50000};
    snprintf(start.codec, sizeof(start.codec), "libx264");
    snprintf(start.preset, sizeof(start.preset), "ultrafast");
    snprintf(start.tune, sizeof(start.tune), "zerolatency");
    struct outbox outbox;
    static struct update u;
    if (outbox_init(&outbox) || update_init(&u, &start, fd, &outbox) || update_resize(&u, WIDTH, HEIGHT))
        abort();
    make_text(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 30);
    for (unsigned y = 0; y < HEIGHT; y++) {
        for (unsigned x = 0; x < WIDTH; x++)
            pixels[(size_t)y * WIDTH + x] = background(x, y);
    }
    uint64_t now_us = 1000000, worked_us = 0, bytes = 0;
    unsigned x = 450, y = 150;
    draw(&u, x, y, true);
    for (unsigned i = 0; i < 400; i++) { // the key frame, and what repairs it
        struct update_moment moment = {.now_us = now_us, .damaged_us = now_us};
        if (i == 0 ? update_damage(&u, &moment) : update_repair(&u, &moment))
            abort();
        acknowledge(&u, &outbox, now_us + 1000);
        now_us += FRAME_US;
    }
    uint32_t first = u.sequence;
    for (unsigned step = 1; step <= steps; step++, now_us += FRAME_US) {
        draw(&u, x, y, false);
        x = (unsigned)(450 + 150 * sin(step / 10.0));
        y = (unsigned)(250 - 100 * cos(step / 10.0));
        draw(&u, x, y, true);
        struct update_moment moment = {.now_us = now_us, .damaged_us = now_us};
        uint64_t before_us = clock_thread_us();
        if (update_damage(&u, &moment))
            abort();
        worked_us += clock_thread_us() - before_us;
        bytes += outbox.length;
        acknowledge(&u, &outbox, now_us + 1000);
    }
    printf("%u updates: %" PRIu64 " us, %.1f messages, %" PRIu64 " bytes each; %zu lossy cells\n", steps,
           worked_us / steps, (double)(u.sequence - first) / steps, bytes / steps, u.grid.lossy);
    update_finish(&u);
    outbox_finish(&outbox);
    return 0;
}
