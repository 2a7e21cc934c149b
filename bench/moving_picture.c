// A moving picture for benchmarks: a window of 960x540 at the bottom right, drawn 30 times a second while the file "play" exists in the
// working directory. Its motion is that of a film: large soft shapes that move, a little grain.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <xcb/xcb.h>

#define WIDTH 960
#define HEIGHT 540
#define FRAME_NS 33333333

static uint32_t pixels[WIDTH * HEIGHT];
static uint8_t wave[1024];

static uint32_t colour(int x, int y, int t, uint32_t grain)
{
    unsigned a = wave[(unsigned)(x + 3 * t) & 1023], b = wave[(unsigned)(y * 2 - 2 * t) & 1023],
             c = wave[(unsigned)(x + y + 5 * t) & 1023];
    unsigned noise = grain >> 29;
    return ((a + c) / 2 + noise) << 16 | ((b + c) / 2 + noise) << 8 | ((a + b) / 2 + noise);
}

static void draw(int t)
{
    static uint32_t grain = 1;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            grain = grain * 1664525 + 1013904223;
            pixels[y * WIDTH + x] = colour(x, y, t, grain);
        }
    }
}

static void send_rows(xcb_connection_t *c, xcb_window_t window, xcb_gcontext_t gc)
{
    enum { ROWS = 60 }; // of one request: under the protocol's 256 KiB
    for (int y = 0; y < HEIGHT; y += ROWS)
        xcb_put_image(c, XCB_IMAGE_FORMAT_Z_PIXMAP, window, gc, WIDTH, ROWS, 0, (int16_t)y, 0, 24,
                      WIDTH * ROWS * 4, (const uint8_t *)(pixels + y * WIDTH));
    xcb_flush(c);
}

int main(void)
{
    for (int i = 0; i < 1024; i++) { // a smooth wave without libm
        int x = i < 512 ? i : 1023 - i;
        wave[i] = (uint8_t)(x * x * (1535 - 2 * x) / 561152 % 240);
    }
    xcb_connection_t *c = xcb_connect(NULL, NULL);
    if (xcb_connection_has_error(c))
        return 1;
    xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(c)).data;
    xcb_window_t window = xcb_generate_id(c);
    xcb_gcontext_t gc = xcb_generate_id(c);
    xcb_create_window(
        c, XCB_COPY_FROM_PARENT, window, screen->root, (int16_t)(screen->width_in_pixels - WIDTH),
        (int16_t)(screen->height_in_pixels - HEIGHT - 40), WIDTH, HEIGHT, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
        screen->root_visual, XCB_CW_OVERRIDE_REDIRECT, (uint32_t[]){1});
    xcb_create_gc(c, gc, window, 0, NULL);
    xcb_map_window(c, window);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec frame = {{0, FRAME_NS}, {0, FRAME_NS}};
    uint64_t rung;
    if (timer < 0 || timerfd_settime(timer, 0, &frame, NULL) < 0)
        return 1;
    for (int t = 0; read(timer, &rung, sizeof(rung)) == sizeof(rung) && !xcb_connection_has_error(c); t++) {
        if (t > 0 && access("play", F_OK) < 0)
            continue;
        draw(t);
        send_rows(c, window, gc);
    }
    return 0;
}
