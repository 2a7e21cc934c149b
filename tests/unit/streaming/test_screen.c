#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streaming/screen.h"

#define WIDTH 200
#define HEIGHT 152
#define SIDE 64

static struct grid grid;
static struct screen screen;
static uint32_t live[HEIGHT][WIDTH], expected[HEIGHT][WIDTH];
static const struct image live_image = {(const uint8_t *)live, WIDTH * 4, WIDTH, HEIGHT};

static uint32_t *shown(unsigned x, unsigned y)
{
    return (uint32_t *)(void *)screen.shown_pixels + (size_t)y * WIDTH + x;
}

static int set_up(void **state)
{
    (void)state;
    if (grid_init(&grid, WIDTH, HEIGHT) || screen_init(&screen, &grid))
        return -1;
    for (unsigned y = 0; y < HEIGHT; y++) {
        for (unsigned x = 0; x < WIDTH; x++)
            live[y][x] = *shown(x, y) = y << 8 | x;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    screen_finish(&screen);
    grid_finish(&grid);
    return 0;
}

// A square has moved in the framebuffer from 64,48.
static struct copy_rectangle move_square(int dx, int dy)
{
    struct rectangle to = {(uint16_t)(64 + dx), (uint16_t)(48 + dy), SIDE, SIDE};
    for (unsigned y = 0; y < SIDE; y++)
        memcpy(&live[to.y + y][to.x], shown(64, 48 + y), SIDE * sizeof(uint32_t));
    grid_set_all(&grid, CELL_DAMAGED | CELL_CHOSEN);
    return (struct copy_rectangle){.source_x = 64, .source_y = 48, .target = to};
}

// What the browser shows after the copy, which is done at once and not row by row.
static void expect(const struct copy_rectangle *copy)
{
    struct rectangle to = copy->target;
    memcpy(expected, screen.shown_pixels, sizeof(expected));
    for (unsigned y = 0; y < to.height; y++)
        memcpy(&expected[to.y + y][to.x], shown(copy->source_x, copy->source_y + y), (size_t)to.width * 4);
}

static size_t cells_left(struct rectangle within, uint8_t flags)
{
    return grid_count(&grid, within, flags);
}

static void a_whole_window_is_followed(void **state)
{
    static const int offsets[][2] = {{5, 7}, {-5, 7}, {3, -9}, {-3, -9}, {8, 0}, {-8, 0}, {0, 1}, {16, 16}};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        tear_down(state);
        assert_int_equal(set_up(state), 0);
        struct copy_rectangle copy = move_square(offsets[i][0], offsets[i][1]), wished = copy;
        expect(&copy);
        assert_true(screen_follow(&screen, &live_image, &grid, &copy, 0));
        assert_memory_equal(&copy, &wished, sizeof(copy));
        assert_memory_equal(screen.shown_pixels, expected, sizeof(expected));
        // What was compared whole is done with; what lies on the window's edge is not.
        struct rectangle inside = {(uint16_t)(copy.target.x + 16), (uint16_t)(copy.target.y + 16), 16, 16};
        inside.x &= 0xfff0, inside.y &= 0xfff0;
        assert_int_equal(cells_left(inside, CELL_DAMAGED | CELL_CHOSEN), 0);
        struct rectangle corner = {copy.target.x - 1, copy.target.y - 1, 1, 1};
        assert_int_equal(cells_left(corner, CELL_DAMAGED), 1);
    }
}

// Something was drawn into the window as well, in its row 40.
static void a_window_is_followed_up_to_what_is_new(void **state)
{
    for (int dy = -9; dy <= 9; dy += 18) {
        tear_down(state);
        assert_int_equal(set_up(state), 0);
        struct copy_rectangle copy = move_square(5, dy);
        live[copy.target.y + 40][copy.target.x + 9] ^= 0xff;
        struct copy_rectangle part = copy;
        part.target.height = dy < 0 ? 40 : SIDE - 41;
        if (dy > 0)
            part.source_y += 41, part.target.y += 41;
        expect(&part);
        assert_true(screen_follow(&screen, &live_image, &grid, &copy, 0));
        assert_memory_equal(&copy, &part, sizeof(copy));
        assert_memory_equal(screen.shown_pixels, expected, sizeof(expected));
        struct rectangle new = {(uint16_t)(5 + 64 + 9), (uint16_t)(48 + dy + 40), 1, 1};
        assert_int_equal(cells_left(new, CELL_DAMAGED), 1);
    }
}

static void what_went_elsewhere_is_not_followed(void **state)
{
    (void)state;
    struct copy_rectangle copy = move_square(5, 7);
    copy.source_x++;
    memcpy(expected, screen.shown_pixels, sizeof(expected));
    assert_false(screen_follow(&screen, &live_image, &grid, &copy, 0));
    assert_memory_equal(screen.shown_pixels, expected, sizeof(expected));
    struct rectangle all = {0, 0, WIDTH, HEIGHT};
    assert_int_equal(cells_left(all, CELL_DAMAGED), grid.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_window_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_window_is_followed_up_to_what_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_went_elsewhere_is_not_followed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
