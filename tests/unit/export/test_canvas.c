// The order and the bounds of a stream's messages; decoding itself is seen in scenario.recording_film, on real recordings.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/canvas.h"
#include "lib/recording.h"

#define WIDTH 320u
#define HEIGHT 200u

static int set_up(void **state)
{
    struct canvas *canvas = malloc(sizeof(*canvas));
    *state = canvas;
    return canvas_init(canvas);
}

static int tear_down(void **state)
{
    canvas_finish(*state);
    free(*state);
    return 0;
}

static int apply(struct canvas *canvas, const struct writer *w)
{
    return canvas_apply(canvas, w->data, w->length);
}

static int hello(struct canvas *canvas, uint16_t width, uint16_t height, const char *codec)
{
    uint8_t bytes[128];
    struct writer w = writer_of(bytes, sizeof(bytes));
    wire_write_hello(&w, width, height, 60, codec);
    return apply(canvas, &w);
}

// As if a key frame had painted it: each pixel is its number.
static void show(struct canvas *canvas)
{
    assert_int_equal(hello(canvas, WIDTH, HEIGHT, "avc1.42C028"), 0);
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
        memcpy(canvas->picture + (size_t)i * 4, &i, sizeof(i));
    canvas->shown = true;
}

static uint32_t pixel(const struct canvas *canvas, unsigned x, unsigned y)
{
    uint32_t value;
    memcpy(&value, canvas->picture + ((size_t)y * WIDTH + x) * 4, sizeof(value));
    return value;
}

static uint8_t *at_picture(const struct canvas *canvas, unsigned x, unsigned y)
{
    return canvas->picture + ((size_t)y * WIDTH + x) * 4;
}

static int copy(struct canvas *canvas, const struct copy_rectangle *copies, size_t count)
{
    uint8_t bytes[1024];
    struct writer w = writer_of(bytes, sizeof(bytes));
    const struct wire_frame_header header = {.sequence = 1, .captured_us = 7};
    wire_write_copy(&w, &header, copies, count);
    return apply(canvas, &w);
}

static void nothing_before_hello_and_a_key_frame(void **state)
{
    struct canvas *canvas = *state;
    const struct copy_rectangle one = {0, 0, {8, 8, 8, 8}};
    assert_int_equal(copy(canvas, &one, 1), -EPROTO);
    assert_int_equal(hello(canvas, WIDTH, HEIGHT, "avc1.42C028"), 0);
    assert_int_equal(copy(canvas, &one, 1), -EPROTO);
    uint8_t display[32] = {WIRE_DISPLAY};
    struct writer w = writer_of(display, sizeof(display));
    wire_write_display(&w, WIDTH, HEIGHT, "avc1.42C028");
    canvas->width = 0;
    assert_int_equal(apply(canvas, &w), -EPROTO);
    assert_false(canvas->shown || canvas->changed);
}

static void impossible_displays_are_refused(void **state)
{
    struct canvas *canvas = *state;
    assert_int_equal(hello(canvas, 0, 0, "avc1.42C028"), -EPROTO);
    assert_int_equal(hello(canvas, 7681, 4320, "avc1.42C028"), -EPROTO);
    assert_int_equal(hello(canvas, WIDTH, HEIGHT, "theo"), -EPROTO);
    assert_int_equal(hello(canvas, WIDTH, HEIGHT,
                           "avc1.a codec that is longer than any that there is, so that it does not fit"),
                     -EPROTO);
    assert_int_equal(canvas->width, 0);
}

static void copies_overlap_in_every_direction(void **state)
{
    struct canvas *canvas = *state;
    static const int steps[][2] = {{5, 3}, {-5, 3}, {5, -3}, {-5, -3}, {0, 1}, {1, 0}, {0, -1}, {-1, 0}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        show(canvas);
        const struct copy_rectangle one = {
            100, 100, {(uint16_t)(100 + steps[i][0]), (uint16_t)(100 + steps[i][1]), 50, 40}};
        assert_int_equal(copy(canvas, &one, 1), 0);
        for (unsigned y = 0; y < 40; y++) {
            for (unsigned x = 0; x < 50; x++)
                assert_int_equal(pixel(canvas, one.target.x + x, one.target.y + y),
                                 (100 + y) * WIDTH + 100 + x);
        }
        assert_true(canvas->changed);
    }
}

static void copies_read_what_the_ones_before_have_left(void **state)
{
    struct canvas *canvas = *state;
    show(canvas);
    const struct copy_rectangle two[] = {{0, 0, {10, 0, 10, 1}}, {10, 0, {20, 0, 10, 1}}};
    assert_int_equal(copy(canvas, two, 2), 0);
    assert_int_equal(pixel(canvas, 25, 0), 5);
}

static void rectangles_stay_inside(void **state)
{
    struct canvas *canvas = *state;
    show(canvas);
    static const struct copy_rectangle wrong[] = {
        {0, 0, {WIDTH - 7, 0, 8, 8}},  {0, 0, {0, HEIGHT - 7, 8, 8}}, {WIDTH - 7, 0, {0, 0, 8, 8}},
        {0, HEIGHT - 7, {0, 0, 8, 8}}, {0, 0, {0, 0, 0, 8}},          {65535, 65535, {0, 0, 8, 8}},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(copy(canvas, &wrong[i], 1), -EPROTO);
    uint8_t none[4 + WIRE_FRAME_HEADER_SIZE + 2] = {WIRE_COPY_RECTANGLE};
    assert_int_equal(canvas_apply(canvas, none, sizeof(none)), -EPROTO);
    for (size_t length = 0; length < sizeof(none); length++)
        assert_int_equal(canvas_apply(canvas, none, length), -EPROTO);
}

static void cursors_are_exactly_their_pixels(void **state)
{
    struct canvas *canvas = *state;
    uint8_t bytes[12 + 2 * 2 * 4];
    memset(bytes, 0, sizeof(bytes));
    struct writer w = writer_of(bytes, sizeof(bytes));
    wire_write_cursor(&w, 2, 2, 1, 1);
    assert_int_equal(canvas_apply(canvas, bytes, sizeof(bytes)), 0);
    assert_int_equal(canvas->cursor.width, 2);
    assert_int_equal(canvas_apply(canvas, bytes, sizeof(bytes) - 1), -EPROTO);
    w = writer_of(bytes, sizeof(bytes));
    wire_write_cursor(&w, 0, 0, 0, 0);
    assert_int_equal(canvas_apply(canvas, bytes, 12), 0);
    assert_null(canvas->cursor.pixels);
    w = writer_of(bytes, sizeof(bytes));
    wire_write_cursor(&w, 257, 1, 0, 0);
    assert_int_equal(canvas_apply(canvas, bytes, sizeof(bytes)), -EPROTO);
}

static void point(struct canvas *canvas, uint16_t x, uint16_t y)
{
    uint8_t bytes[RECORDING_POINTER_SIZE];
    recording_pointer_write(&(struct recording_pointer){x, y}, bytes);
    assert_int_equal(canvas_apply(canvas, bytes, sizeof(bytes)), 0);
    assert_int_equal(canvas_apply(canvas, bytes, sizeof(bytes) - 1), -EPROTO);
}

static void the_cursor_is_drawn_and_taken_away(void **state)
{
    struct canvas *canvas = *state;
    show(canvas);
    struct surface surface = {canvas->picture, WIDTH * 4};
    uint8_t bytes[12 + 3 * 2 * 4];
    struct writer w = writer_of(bytes, sizeof(bytes));
    wire_write_cursor(&w, 3, 2, 1, 1);
    for (int i = 0; i < 6; i++)
        write_bytes(&w, "\x10\x20\x30\xff", 4);
    assert_int_equal(apply(canvas, &w), 0);
    cursor_draw(&canvas->cursor, surface, WIDTH, HEIGHT); // nobody knows where
    assert_int_equal(pixel(canvas, 0, 0), 0);
    static const uint16_t places[][2] = {
        {0, 0}, {100, 100}, {WIDTH - 1, HEIGHT - 1}, {WIDTH, HEIGHT}, {65535, 65535}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        uint16_t x = places[i][0], y = places[i][1];
        canvas->changed = false;
        point(canvas, x, y);
        assert_true(canvas->changed);
        cursor_draw(&canvas->cursor, surface, WIDTH, HEIGHT);
        if (x < WIDTH && y < HEIGHT)
            assert_int_equal(pixel(canvas, x, y) & 0xffffff, 0x102030);
        cursor_undraw(&canvas->cursor, surface);
        for (uint32_t k = 0; k < WIDTH * HEIGHT; k++)
            assert_int_equal(pixel(canvas, k % WIDTH, k / WIDTH), k);
    }
    bytes[12 + 3] = 128; // half of it
    assert_int_equal(apply(canvas, &w), 0);
    memset(at_picture(canvas, 99, 99), 0, 4);
    point(canvas, 100, 100);
    cursor_draw(&canvas->cursor, surface, WIDTH, HEIGHT);
    assert_int_equal(pixel(canvas, 99, 99) & 0xffffff, 0x081018);
}

static void an_update_is_known_by_its_capture(void **state)
{
    struct canvas *canvas = *state;
    show(canvas);
    const struct copy_rectangle one = {0, 0, {8, 8, 8, 8}};
    assert_int_equal(copy(canvas, &one, 1), 0);
    uint8_t bytes[64];
    struct wire_frame_header header = {.sequence = 2, .captured_us = 7};
    struct writer w = writer_of(bytes, sizeof(bytes));
    wire_write_copy(&w, &header, &one, 1);
    assert_true(canvas_continues(canvas, bytes, w.length));
    header.captured_us = 8;
    w = writer_of(bytes, sizeof(bytes));
    wire_write_copy(&w, &header, &one, 1);
    assert_false(canvas_continues(canvas, bytes, w.length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_before_hello_and_a_key_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(impossible_displays_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_overlap_in_every_direction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_read_what_the_ones_before_have_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rectangles_stay_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursors_are_exactly_their_pixels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_cursor_is_drawn_and_taken_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_update_is_known_by_its_capture, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
