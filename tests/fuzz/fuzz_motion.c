// The display's pixels: whatever a sandbox draws, copies stay inside the display, and the browser's picture ends as the captured one.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "streaming/motion.h"
#include "streaming/screen.h"

#define WIDTH 157
#define HEIGHT 101

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t live[WIDTH * HEIGHT];

// Draws one thing, or moves a part of the picture.
static void draw(const uint8_t *command, struct grid *grid)
{
    unsigned x = command[0] % WIDTH, y = command[1] % HEIGHT;
    unsigned width = 1 + command[2] % (WIDTH - x), height = 1 + command[3] % (HEIGHT - y);
    int dx = (int8_t)command[4], dy = (int8_t)command[5];
    static uint32_t was[WIDTH * HEIGHT];
    memcpy(was, live, sizeof(live));
    for (unsigned row = y; row < y + height; row++) {
        for (unsigned column = x; column < x + width; column++) {
            int from_x = (int)column - dx, from_y = (int)row - dy;
            bool moved = from_x >= 0 && from_x < WIDTH && from_y >= 0 && from_y < HEIGHT && command[6] & 1;
            live[row * WIDTH + column] =
                moved ? was[from_y * WIDTH + from_x] : (row * command[6] + column * command[7]) * 0x9e3779b1u;
        }
    }
    grid_set(grid, (struct rectangle){(uint16_t)x, (uint16_t)y, (uint16_t)width, (uint16_t)height},
             CELL_DAMAGED | CELL_CHOSEN | (command[6] & 2 ? CELL_LOSSY : 0));
}

static void update(struct screen *screen, struct motion *motion, struct grid *grid)
{
    struct image image = {(const uint8_t *)live, WIDTH * 4, WIDTH, HEIGHT};
    struct offset offsets[MOTION_OFFSETS_MAX];
    struct copy_rectangle copy;
    screen_capture(screen, &image, grid);
    size_t count = motion_offsets(motion, &screen->shown, &screen->captured, grid, offsets);
    for (size_t i = 0; i < count; i++) {
        if (!motion_copy(motion, &screen->shown, &screen->captured, grid, offsets[i], &copy))
            continue;
        struct rectangle t = copy.target;
        if (t.x + t.width > WIDTH || t.y + t.height > HEIGHT || copy.source_x + t.width > WIDTH ||
            copy.source_y + t.height > HEIGHT)
            abort();
        screen_copy(screen, grid, &copy, 1);
    }
    screen_take(screen, grid);
    struct rectangle all = {0, 0, WIDTH, HEIGHT};
    if (grid_count(grid, all, CELL_CHANGED) > 0)
        screen_trim(screen, grid, all);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t pixel;
        memcpy(&pixel, screen->shown.pixels + i * 4, sizeof(pixel));
        if (pixel != live[i])
            abort();
    }
    grid_clear_all(grid, CELL_CHANGED | CELL_CHOSEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grid grid;
    struct screen screen;
    struct motion motion;
    if (grid_init(&grid, WIDTH, HEIGHT) || screen_init(&screen, &grid) || motion_init(&motion, &grid))
        abort();
    memset(live, 0, sizeof(live));
    for (size_t at = 0; at + 8 <= size && at < 64 * 8; at += 8) {
        draw(data + at, &grid);
        if (data[at + 7] & 1)
            update(&screen, &motion, &grid);
    }
    update(&screen, &motion, &grid);
    motion_finish(&motion);
    screen_finish(&screen);
    grid_finish(&grid);
    return 0;
}
