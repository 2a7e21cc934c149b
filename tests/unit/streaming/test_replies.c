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
#include "streaming/keymap.h"
#include "streaming/keysyms.h"
#include "streaming/pointer.h"
#include "streaming/statistics.h"
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
    static struct keymap map;
    uint32_t keysyms[] = {'a', 'A', 0xffe1, 0, '1', '!'};
    assert_int_equal(keymap_read(&map, keysyms, 6, 2, 38, 3), 0);
    assert_int_equal(map.keysyms[0][38][1], 'A');
    assert_int_equal(map.shift, 39);
    assert_int_equal(keymap_read(&map, keysyms, 6, 2, 38, 4), -EPROTO);
    assert_int_equal(keymap_read(&map, keysyms, 6, 0, 38, 3), -EPROTO);
    assert_int_equal(keymap_read(&map, keysyms, 6, 2, 254, 3), -EPROTO);
    assert_int_equal(map.shift, 39); // untouched
    assert_int_equal(keymap_read(&map, keysyms, 3, 1, 253, 3), 0);
    assert_int_equal(map.keysyms[0][253][1], 0);
}

static void expect_use(const struct keymap *map, struct keymap_locks locks, uint32_t character,
                       struct keymap_use wanted)
{
    struct keymap_use use;
    assert_true(keymap_find(map, &locks, character, 0, &use));
    assert_int_equal(use.keycode, wanted.keycode);
    assert_int_equal(use.shift, wanted.shift);
    assert_int_equal(use.level3, wanted.level3);
}

static void characters_are_found_on_all_levels_and_under_locks(void **state)
{
    (void)state;
    static struct keymap map;
    enum { LEVEL3 = KEYSYM_LEVEL3_SHIFT, SHIFT = KEYSYM_SHIFT_LEFT, KP_END = 0xff9c, KP_1 = 0xffb1 };
    const uint32_t keysyms[] = {'q',   'Q',   'q',   'Q', '@', 0x7d9, // Greek capital omega
                                SHIFT, 0,     SHIFT, 0,   0,   0,     LEVEL3, 0,    LEVEL3, 0,    0, 0,
                                0x6c6, 0x6e6, 'f',   'F', 0,   0,     KP_END, KP_1, KP_END, KP_1, 0, 0};
    assert_int_equal(keymap_read(&map, keysyms, 30, 6, 24, 5), 0);
    const struct keymap_locks none = {0}, caps = {.caps = true}, second = {.group = 1};
    expect_use(&map, none, 'q', (struct keymap_use){24, false, false});
    expect_use(&map, none, 'Q', (struct keymap_use){24, true, false});
    expect_use(&map, caps, 'Q', (struct keymap_use){24, false, false});
    expect_use(&map, caps, 'q', (struct keymap_use){24, true, false});
    expect_use(&map, caps, '@', (struct keymap_use){24, false, true});
    expect_use(&map, none, 0x3a9, (struct keymap_use){24, true, true});
    expect_use(&map, none, 0x444, (struct keymap_use){27, false, false}); // Cyrillic ef
    expect_use(&map, none, 0x424, (struct keymap_use){27, true, false});
    expect_use(&map, second, 'f', (struct keymap_use){27, false, false});
    struct keymap_use use;
    struct keymap_locks num = {.num = true}, third = {.group = 2};
    assert_false(
        keymap_find(&map, &none, '1', 0, &use)); // the keypad's keys are used at their own place alone
    assert_true(keymap_find(&map, &num, '1', 28, &use) && !use.shift);
    assert_true(keymap_find(&map, &none, '1', 28, &use) && use.shift);
    assert_false(keymap_find(&map, &third, 'q', 24, &use));
}

static void lent_keys_are_known_again(void **state)
{
    (void)state;
    static struct keymap map;
    const uint32_t keysyms[] = {0xe9, 0xe9, 0, 0, 0x01004e00, 0x01004e00, 'x', 'X', 0xff1b, 0xff1b};
    assert_int_equal(keymap_read(&map, keysyms, 10, 2, 200, 5), 0);
    assert_int_equal(map.spare_count, 3);
    assert_int_equal(keymap_read(&map, keysyms, 10, 2, 40, 5),
                     0); // among the letters a layout may have such keys
    assert_int_equal(map.spare_count, 1);
}

static void write_counter(struct writer *w, uint32_t counter, const char *name, uint16_t length)
{
    write_u32(w, counter);
    write_u64(w, 4);
    write_u16(w, length);
    write_bytes(w, name, strlen(name));
    write_bytes(w, "\0\0\0", -(14 + strlen(name)) & 3);
}

static void counters_are_found_within_their_list(void **state)
{
    (void)state;
    uint8_t list[128];
    struct writer w = writer_of(list, sizeof(list));
    write_counter(&w, 1, "SERVERTIME", 10);
    write_counter(&w, 2, "IDLETIME", 8);
    write_counter(&w, 3, "DEVICEIDLETIME 2", 16);
    assert_int_equal(pointer_find_counter(list, w.length, 3, "DEVICEIDLETIME 2"), 3);
    assert_int_equal(pointer_find_counter(list, w.length, 3, "IDLETIME"), 2);
    assert_int_equal(pointer_find_counter(list, w.length, 2, "DEVICEIDLETIME 2"), 0);
    assert_int_equal(pointer_find_counter(list, w.length, UINT32_MAX, "DEVICEIDLETIME"), 0);
    for (size_t length = 0; length < w.length - 2; length++) // two bytes of padding
        assert_int_equal(pointer_find_counter(list, length, 3, "DEVICEIDLETIME 2"), 0);
    w = writer_of(list, sizeof(list));
    write_counter(&w, 1, "SERVERTIME", 65535);
    write_counter(&w, 2, "IDLETIME", 8);
    assert_int_equal(pointer_find_counter(list, w.length, 2, "IDLETIME"), 0);
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
        cmocka_unit_test(characters_are_found_on_all_levels_and_under_locks),
        cmocka_unit_test(lent_keys_are_known_again),
        cmocka_unit_test(counters_are_found_within_their_list),
        cmocka_unit_test(percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
