#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/limits.h"
#include "streaming/cursor.h"
#include "streaming/damage.h"
#include "streaming/statistics.h"
#include "streaming/typing.h"
#include "streaming/xsetup.h"

// What is read from the X server's replies, apart from any connection.

static size_t make_setup(uint8_t *out, size_t capacity, uint16_t vendor, uint8_t screens, uint8_t keycode_min)
{
    struct writer w = writer_of(out, capacity);
    for (int i = 0; i < 4; i++)
        write_u32(&w, 1); // head, release, resource id base
    write_u32(&w, 0x1fffff);
    write_u32(&w, 0);
    write_u16(&w, vendor);
    write_u16(&w, 65535);
    write_u8(&w, screens);
    write_u8(&w, 1);
    write_u32(&w, 0);
    write_u8(&w, keycode_min);
    write_u8(&w, 255);
    write_u32(&w, 0);
    write_bytes(&w, "odd\0", 4);
    write_u64(&w, 0); // one format
    write_u32(&w, 0x123);
    for (int i = 0; i < 4; i++)
        write_u32(&w, 0);
    write_u16(&w, 1920);
    write_u16(&w, 1080);
    write_bytes(&w, (uint8_t[14]){0}, 14);
    write_u8(&w, 24);
    assert_false(w.failed);
    return w.length;
}

static void setup_is_read_within_its_length(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct xsetup setup;
    size_t length = make_setup(bytes, sizeof(bytes), 3, 1, 8); // a vendor name of 3 is padded to 4
    assert_int_equal(xsetup_read(bytes, length, &setup), 0);
    assert_true(setup.root == 0x123 && setup.width == 1920 && setup.height == 1080 && setup.depth == 24);
    assert_true(setup.keycode_min == 8 && setup.keycode_max == 255);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(xsetup_read(bytes, cut, &setup), -EPROTO);
    assert_int_equal(xsetup_read(bytes, make_setup(bytes, sizeof(bytes), 65535, 1, 8), &setup), -EPROTO);
    assert_int_equal(xsetup_read(bytes, make_setup(bytes, sizeof(bytes), 3, 0, 8), &setup), -EPROTO);
    assert_int_equal(xsetup_read(bytes, make_setup(bytes, sizeof(bytes), 3, 1, 7), &setup), -EPROTO);
}

static void too_many_rectangles_are_the_whole_display(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 640, 400), 0);
    static xcb_rectangle_t many[DAMAGE_RECTANGLES_MAX + 1] = {{0, 0, 1, 1}};
    damage_mark(&g, many, DAMAGE_RECTANGLES_MAX);
    struct rectangle out[RECTANGLES_MAX];
    assert_int_equal(grid_rectangles(&g, CELL_DAMAGED, RECTANGLES_MAX, out), 1);
    assert_int_equal(rectangles_area(out, 1), 256);
    damage_mark(&g, many, DAMAGE_RECTANGLES_MAX + 1);
    assert_int_equal(grid_rectangles(&g, CELL_DAMAGED, RECTANGLES_MAX, out), 1);
    assert_int_equal(rectangles_area(out, 1), 640 * 400);
    grid_finish(&g);
}

static void cursors_become_straight_alpha(void **state)
{
    (void)state;
    uint32_t pixels[] = {0xff102030, 0x80402010, 0x00ffffff, 0x01ffffff};
    struct cursor_image image = {.width = 2, .height = 2, .hot_x = 1, .hot_y = 9, .pixels = pixels};
    uint8_t out[64];
    struct writer w = writer_of(out, sizeof(out));
    cursor_write(&w, &image);
    assert_int_equal(w.length, 12 + 16);
    static const uint8_t wanted[] = {5,    0,    0,    0,    2,    0,    2, 0, 1, 0, 0,   0,   0x10, 0x20,
                                     0x30, 0xff, 0x80, 0x40, 0x20, 0x80, 0, 0, 0, 0, 255, 255, 255,  1};
    assert_memory_equal(out, wanted, sizeof(wanted));
}

static void large_cursors_are_cut(void **state)
{
    (void)state;
    uint32_t *pixels = calloc(300 * 257, 4);
    pixels[1 * 300] = 0xff0000ff; // the second row begins behind 300 pixels, not 256
    struct cursor_image image = {.width = 300, .height = 257, .hot_x = 299, .hot_y = 3, .pixels = pixels};
    static uint8_t out[12 + CURSOR_SIDE_MAX * CURSOR_SIDE_MAX * 4];
    struct writer w = writer_of(out, sizeof(out));
    cursor_write(&w, &image);
    assert_false(w.failed);
    assert_int_equal(w.length, sizeof(out));
    assert_memory_equal(out + 12 + 256 * 4, "\0\0\xff\xff", 4);
    free(pixels);
}

static void keyboard_maps_must_fit_together(void **state)
{
    (void)state;
    static struct typing t;
    uint32_t keysyms[] = {'a', 'A', 0xffe1, 0, '1', '!'};
    assert_int_equal(typing_read_map(&t, keysyms, 6, 2, 38, 3), 0);
    assert_int_equal(t.keysyms[38][1], 'A');
    assert_int_equal(t.shift, 39);
    assert_int_equal(typing_read_map(&t, keysyms, 6, 2, 38, 4), -EPROTO);
    assert_int_equal(typing_read_map(&t, keysyms, 6, 0, 38, 3), -EPROTO);
    assert_int_equal(typing_read_map(&t, keysyms, 6, 2, 254, 3), -EPROTO);
    assert_int_equal(typing_read_map(&t, keysyms, 3, 1, 253, 3), 0);
    assert_int_equal(t.keysyms[253][1], 0);
}

static void percentiles(void **state)
{
    (void)state;
    static struct statistics s = {.reported_us = 1000};
    for (uint32_t i = 1; i <= 100; i++)
        statistics_encoded(&s, 101 - i);
    assert_false(statistics_due(&s, 1000 + STATISTICS_INTERVAL_US - 1));
    assert_true(statistics_due(&s, 1000 + STATISTICS_INTERVAL_US));
    struct wire_statistics report = statistics_report(&s, 5000000);
    assert_int_equal(report.encoded, 100);
    assert_int_equal(report.encode_p50_us, 51);
    assert_int_equal(report.encode_p95_us, 96);
    report = statistics_report(&s, 9000000);
    assert_int_equal(report.encoded, 100);
    assert_int_equal(report.encode_p50_us, 0);
    for (uint32_t i = 0; i < 3 * STATISTICS_SAMPLES; i++)
        statistics_encoded(&s, 7);
    assert_int_equal(statistics_report(&s, 1).encode_p95_us, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup_is_read_within_its_length),
        cmocka_unit_test(too_many_rectangles_are_the_whole_display),
        cmocka_unit_test(cursors_become_straight_alpha),
        cmocka_unit_test(large_cursors_are_cut),
        cmocka_unit_test(keyboard_maps_must_fit_together),
        cmocka_unit_test(percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
