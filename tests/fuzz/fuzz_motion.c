// The display's pixels: whatever a sandbox draws, also while it is looked at, copies stay inside the display, and the browser's picture is the
// one that the streamer takes it for, and ends as the framebuffer.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "streaming/motion.h"
#include "streaming/screen.h"

#define WIDTH 157
#define HEIGHT 101
#define CORPUS_RUNS 100u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t live[WIDTH * HEIGHT], browser[WIDTH * HEIGHT];
static size_t inputs, followed; // windows that were dragged on

// Draws one thing, or moves a part of the picture; returns where.
static struct rectangle draw(const uint8_t *command)
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
    return (struct rectangle){(uint16_t)x, (uint16_t)y, (uint16_t)width, (uint16_t)height};
}

static void damage(struct grid *grid, const uint8_t *command, struct rectangle drawn)
{
    grid->drawn = rectangles_union(grid->drawn, drawn);
    grid_set(grid, drawn, CELL_DAMAGED | CELL_CHOSEN | (command[6] & 2 ? CELL_LOSSY : 0));
}

static void show_copy(const struct copy_rectangle *copy)
{
    static uint32_t was[WIDTH * HEIGHT];
    struct rectangle t = copy->target;
    if (t.x + t.width > WIDTH || t.y + t.height > HEIGHT || copy->source_x + t.width > WIDTH ||
        copy->source_y + t.height > HEIGHT)
        abort();
    memcpy(was, browser, sizeof(was));
    for (unsigned row = 0; row < t.height; row++)
        memcpy(&browser[(t.y + row) * WIDTH + t.x], &was[(copy->source_y + row) * WIDTH + copy->source_x],
               t.width * sizeof(*was));
}

static void show_changes(const struct screen *screen, const struct grid *grid)
{
    struct rectangle all = {0, 0, WIDTH, HEIGHT};
    if (grid_count(grid, all, CELL_CHANGED) == 0)
        return;
    struct rectangle r = screen_trim(screen, grid, all);
    for (unsigned row = r.y; row < (unsigned)r.y + r.height; row++)
        memcpy(&browser[row * WIDTH + r.x], image_at(&screen->shown, r.x, row), (size_t)r.width * 4);
}

// The unused byte of a pixel means nothing.
static void check(const struct screen *screen, bool still)
{
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t pixel;
        memcpy(&pixel, screen->shown.pixels + i * 4, sizeof(pixel));
        if (((pixel ^ browser[i]) & 0xffffff) != 0 || (still && pixel != live[i]))
            abort();
    }
}

// Returns how many copies there were.
static size_t move(struct screen *screen, struct motion *motion, struct grid *grid, struct offset offset,
                   struct copy_rectangle *copies)
{
    struct image image = {(const uint8_t *)live, WIDTH * 4, WIDTH, HEIGHT};
    size_t count = 0;
    if (motion_follow(motion, grid, offset, &copies[0]) &&
        screen_follow(screen, &image, grid, &copies[0], 1)) {
        show_copy(&copies[count++]);
        followed++;
    }
    if (motion_copy(motion, &screen->shown, &image, grid, offset, &copies[count])) {
        show_copy(&copies[count]);
        screen_copy(screen, grid, &copies[count++], 1);
    }
    return count;
}

// `meanwhile`, if not NULL, is drawn while the update is made, and told of afterwards.
static void update(struct screen *screen, struct motion *motion, struct grid *grid, const uint8_t *meanwhile)
{
    struct image image = {(const uint8_t *)live, WIDTH * 4, WIDTH, HEIGHT};
    struct offset offsets[MOTION_OFFSETS_MAX];
    struct copy_rectangle copies[MOTION_OFFSETS_MAX * 2];
    struct rectangle drawn = {0};
    size_t count = motion_offsets(motion, &screen->shown, &image, grid, offsets);
    if (meanwhile && meanwhile[5] & 1)
        drawn = draw(meanwhile);
    size_t copied = 0;
    for (size_t i = 0; i < count; i++)
        copied += move(screen, motion, grid, offsets[i], copies + copied);
    motion_note(motion, grid, copies, copied);
    grid->drawn = (struct rectangle){0};
    if (meanwhile && !(meanwhile[5] & 1))
        drawn = draw(meanwhile);
    screen_take(screen, &image, grid);
    show_changes(screen, grid);
    check(screen, !meanwhile);
    grid_clear_all(grid, CELL_CHANGED | CELL_CHOSEN);
    if (meanwhile)
        damage(grid, meanwhile, drawn);
}

// Who runs the corpus and what comes of it has dragged windows; one input alone need not.
static void check_followed(void)
{
    if (inputs >= CORPUS_RUNS && followed == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grid grid;
    struct screen screen;
    struct motion motion;
    if (grid_init(&grid, WIDTH, HEIGHT) || screen_init(&screen, &grid) || motion_init(&motion, &grid))
        abort();
    if (inputs++ == 0 && atexit(check_followed) != 0)
        abort();
    memset(live, 0, sizeof(live));
    memset(browser, 0, sizeof(browser));
    for (size_t at = 0; at + 8 <= size && at < 64 * 8; at += 8) {
        damage(&grid, data + at, draw(data + at));
        if (data[at + 7] & 1)
            update(&screen, &motion, &grid, data[at + 7] & 2 && at + 16 <= size ? data + at + 8 : NULL);
    }
    update(&screen, &motion, &grid, NULL);
    motion_finish(&motion);
    screen_finish(&screen);
    grid_finish(&grid);
    return 0;
}
