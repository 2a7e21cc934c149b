#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streaming/motion.h"

#define WIDTH 400
#define HEIGHT 300

static struct grid grid;
static struct motion motion;
static uint32_t before[WIDTH * HEIGHT], now[WIDTH * HEIGHT];
static const struct image before_image = {(const uint8_t *)before, WIDTH * 4, WIDTH, HEIGHT},
                          now_image = {(const uint8_t *)now, WIDTH * 4, WIDTH, HEIGHT};

static void draw(uint32_t seed)
{
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        seed = seed * 1664525 + 1013904223;
        before[i] = seed >> 28 ? 0x202020 : seed >> 8; // mostly one colour, as text is
    }
    memcpy(now, before, sizeof(now));
}

static int set_up(void **state)
{
    (void)state;
    draw(99);
    assert_int_equal(grid_init(&grid, WIDTH, HEIGHT), 0);
    return motion_init(&motion, &grid);
}

static int tear_down(void **state)
{
    (void)state;
    motion_finish(&motion);
    grid_finish(&grid);
    return 0;
}

static void move(unsigned x, unsigned y, int dx, int dy, unsigned width, unsigned height)
{
    for (unsigned row = 0; row < height; row++)
        memcpy(&now[(size_t)((int)(y + row) + dy) * WIDTH + (size_t)((int)x + dx)],
               &before[(y + row) * WIDTH + x], (size_t)width * 4);
    struct rectangle from = {(uint16_t)x, (uint16_t)y, (uint16_t)width, (uint16_t)height}, to = from;
    to.x = (uint16_t)((int)x + dx);
    to.y = (uint16_t)((int)y + dy);
    grid_set(&grid, from, CELL_CHOSEN);
    grid_set(&grid, to, CELL_CHOSEN);
}

// What a copy says is there is there, to the pixel.
static void check_copy(const struct copy_rectangle *copy)
{
    struct rectangle t = copy->target;
    assert_true(t.x + t.width <= WIDTH && t.y + t.height <= HEIGHT);
    assert_true(copy->source_x + t.width <= WIDTH && copy->source_y + t.height <= HEIGHT);
    for (unsigned row = 0; row < t.height; row++)
        assert_memory_equal(&now[(t.y + row) * WIDTH + t.x],
                            &before[(copy->source_y + row) * WIDTH + copy->source_x], (size_t)t.width * 4);
}

static void moves_are_found_in_every_direction(void **state)
{
    static const int offsets[][2] = {{0, -13}, {0, 13},  {0, 1},   {-9, 0},
                                     {1, 0},   {17, 23}, {-31, 5}, {-2, -40}};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        tear_down(state);
        set_up(state);
        move(64, 64, offsets[i][0], offsets[i][1], 200, 160);
        struct offset found[MOTION_OFFSETS_MAX];
        struct copy_rectangle copy;
        assert_true(motion_offsets(&motion, &before_image, &now_image, &grid, found) >= 1);
        assert_int_equal(found[0].x, offsets[i][0]);
        assert_int_equal(found[0].y, offsets[i][1]);
        assert_true(motion_copy(&motion, &before_image, &now_image, &grid, found[0], &copy));
        check_copy(&copy);
        assert_true(rectangles_area(&copy.target, 1) >= 200 * 160 * 9 / 10);
    }
}

// Something else moves, after what has moved before.
static void move_on(unsigned x, unsigned y, int dx, int dy)
{
    struct offset found[MOTION_OFFSETS_MAX];
    draw((uint32_t)(x * 100 + y));
    grid_clear_all(&grid, CELL_CHOSEN);
    move(x, y, dx, dy, 200, 120);
    assert_true(motion_offsets(&motion, &before_image, &now_image, &grid, found) >= 1);
    assert_int_equal(found[0].x, dx);
    assert_int_equal(found[0].y, dy);
}

// Where things went before they are found without the tables of a whole search: those are taken away.
static void what_moves_goes_on_to_move(void **state)
{
    (void)state;
    move_on(40, 40, 17, 23);
    struct motion_anchor *anchors = motion.anchors;
    uint64_t *rows = motion.rows;
    motion.anchors = NULL;
    motion.rows = NULL;
    move_on(57, 63, 20, 21);
    move_on(77, 84, 13, 30);
    move_on(90, 114, -10, 9);
    motion.anchors = anchors;
    motion.anchored = false;
    move_on(80, 123, 0, -19);
    move_on(80, 104, 0, 76);
    motion.rows = rows;
    move_on(80, 150, 0, -130);
    motion.rows = NULL;
    move_on(80, 150, 0, -110);
    motion.rows = rows;
}

static void what_has_not_moved_is_not_found(void **state)
{
    (void)state;
    struct offset found[MOTION_OFFSETS_MAX];
    struct rectangle all = {0, 0, WIDTH, HEIGHT};
    grid_set(&grid, all, CELL_CHOSEN);
    assert_int_equal(motion_offsets(&motion, &before_image, &now_image, &grid, found), 0);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        now[i] = (uint32_t)(i * i * 2654435761u) >> 8;
    assert_int_equal(motion_offsets(&motion, &before_image, &now_image, &grid, found), 0);
    // One colour could have come from anywhere, and need not come at all.
    memset(now, 0x33, sizeof(now));
    assert_int_equal(motion_offsets(&motion, &before_image, &now_image, &grid, found), 0);
}

// An offset that leads out of the picture, and one that is wrong.
static void offsets_are_not_believed(void **state)
{
    (void)state;
    struct copy_rectangle copy;
    move(64, 64, 17, 23, 200, 160);
    static const struct offset lies[] = {{-WIDTH, 0}, {0, HEIGHT}, {-20000, 20000}, {16, 23}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        assert_false(motion_copy(&motion, &before_image, &now_image, &grid, lies[i], &copy));
}

static void note(struct rectangle target)
{
    motion_note(&motion, &grid, &(struct copy_rectangle){.target = target}, 1);
}

static void what_was_copied_is_followed(void **state)
{
    (void)state;
    struct rectangle all = {0, 0, WIDTH, HEIGHT};
    struct copy_rectangle copy;
    grid_set(&grid, all, CELL_CHOSEN);
    motion.anchored = true;
    assert_false(motion_follow(&motion, &grid, (struct offset){1, 1}, &copy));
    note((struct rectangle){100, 50, 200, 160});
    assert_true(motion_follow(&motion, &grid, (struct offset){-7, 12}, &copy));
    struct rectangle t = copy.target;
    assert_true(t.x == 93 && t.y == 62 && t.width == 200 && t.height == 160);
    assert_true(copy.source_x == 100 && copy.source_y == 50);
    motion_note(&motion, &grid, &copy, 0); // an update in which nothing moved
    assert_true(motion_follow(&motion, &grid, (struct offset){-120, -70}, &copy));
    t = copy.target;
    assert_true(t.x == 0 && t.y == 0 && t.width == 180 && t.height == 140);
    assert_true(copy.source_x == 120 && copy.source_y == 70);
    assert_true(motion_follow(&motion, &grid, (struct offset){180, 170}, &copy));
    t = copy.target;
    assert_true(t.x == 280 && t.y == 220 && t.width == 120 && t.height == 80);
}

static void what_cannot_have_moved_is_not_followed(void **state)
{
    (void)state;
    struct rectangle changed = {96, 48, 96, 160};
    struct copy_rectangle copy;
    grid_set(&grid, changed, CELL_CHOSEN);
    motion.anchored = true;
    note((struct rectangle){96, 48, 112, 160});
    assert_true(motion_follow(&motion, &grid, (struct offset){0, 1}, &copy));
    assert_false(motion_follow(&motion, &grid, (struct offset){64, 0}, &copy)); // little has changed there
    static const struct offset lies[] = {{-WIDTH, 0}, {0, HEIGHT}, {-20000, 20000}, {0, -200}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        assert_false(motion_follow(&motion, &grid, lies[i], &copy));
    motion.anchored = false;
    assert_false(motion_follow(&motion, &grid, (struct offset){0, 1}, &copy));
    motion.anchored = true;
    const struct copy_rectangle several[2] = {{.target = {96, 48, 112, 80}}, {.target = {96, 128, 112, 80}}};
    motion_note(&motion, &grid, several, 2);
    assert_false(motion_follow(&motion, &grid, (struct offset){0, 1}, &copy));
}

// A window has moved from 96,48 and nothing else was drawn: the damage tells where it is, and the tables of a search are not touched.
static void the_damage_tells_where_a_window_went(void **state)
{
    static const int offsets[][2] = {{5, 7}, {-5, 7}, {40, -30}, {-90, -48}, {0, 1}, {-1, 0}};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        tear_down(state);
        assert_int_equal(set_up(state), 0);
        struct offset found[MOTION_OFFSETS_MAX], o = {offsets[i][0], offsets[i][1]};
        struct rectangle was = {96, 48, 200, 160}, is = was;
        is.x = (uint16_t)(is.x + o.x), is.y = (uint16_t)(is.y + o.y);
        motion.anchored = true;
        note(was);
        assert_memory_equal(&motion.window, &was, sizeof(was));
        move(96, 48, o.x, o.y, 200, 160);
        grid.drawn = rectangles_union(was, is);
        struct motion_ballot *ballots = motion.ballots;
        motion.ballots = NULL;
        assert_int_equal(motion_offsets(&motion, &before_image, &now_image, &grid, found), 1);
        motion.ballots = ballots;
        assert_true(found[0].x == o.x && found[0].y == o.y);
    }
}

// Something else was drawn, or the window's content changed: the damage is not believed.
static void damage_is_not_believed(void **state)
{
    (void)state;
    struct rectangle was = {96, 48, 200, 160};
    struct offset o = {77, 77};
    motion.anchored = true;
    note(was);
    move(96, 48, 8, 6, 200, 160);
    static const struct rectangle drawn[] = {
        {0},                   // nothing
        {96, 48, 200, 160},    // the window alone
        {90, 40, 220, 180},    // all around it
        {96, 48, 300, 160},    // too far
        {100, 50, 10, 10},     // within it
        {0, 0, WIDTH, HEIGHT}, // everything
    };
    for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++) {
        grid.drawn = drawn[i];
        assert_false(motion_expect(&motion, &before_image, &now_image, &grid, &o));
    }
    grid.drawn = (struct rectangle){96, 48, 208, 166};
    assert_true(motion_expect(&motion, &before_image, &now_image, &grid, &o));
    assert_true(o.x == 8 && o.y == 6);
    now[(size_t)(54 + 80) * WIDTH + 150] ^= 0xff;
    assert_false(motion_expect(&motion, &before_image, &now_image, &grid, &o));
}

// By how far what was copied went and what was drawn; what else was drawn is no part of it.
static void a_window_is_known_by_what_was_drawn(void **state)
{
    (void)state;
    struct copy_rectangle copy = {.source_x = 110, .source_y = 66, .target = {112, 64, 176, 144}};
    grid.drawn = (struct rectangle){98, 48, 202, 162}; // 2 to the right, 2 up
    motion_note(&motion, &grid, &copy, 1);
    struct rectangle window = {100, 48, 200, 160};
    assert_memory_equal(&motion.window, &window, sizeof(window));
    grid.drawn = (struct rectangle){0, 0, WIDTH, HEIGHT};
    motion_note(&motion, &grid, &copy, 1);
    assert_memory_equal(&motion.window, &copy.target, sizeof(window));
}

static void searches_in_vain_grow_rare(void **state)
{
    (void)state;
    struct offset found[MOTION_OFFSETS_MAX];
    struct rectangle all = {0, 0, WIDTH, HEIGHT};
    grid_set(&grid, all, CELL_CHOSEN);
    unsigned skipped = 0;
    for (unsigned i = 0; i < 100; i++) {
        skipped += motion.skip > 0;
        motion_offsets(&motion, &before_image, &now_image, &grid, found);
    }
    assert_in_range(skipped, 50, 90);
    move(64, 64, 0, -13, 200, 160);
    unsigned tries = 1;
    while (motion_offsets(&motion, &before_image, &now_image, &grid, found) == 0)
        assert_true(++tries < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moves_are_found_in_every_direction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_moves_goes_on_to_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_not_moved_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offsets_are_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_copied_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_have_moved_is_not_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_damage_tells_where_a_window_went, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_window_is_known_by_what_was_drawn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(searches_in_vain_grow_rare, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
