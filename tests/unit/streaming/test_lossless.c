#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streaming/lossless.h"

// The round trip through a decoder of its own stands in test_stream.c; here are images whose bytes are known.

static size_t encode(const uint32_t *pixels, uint16_t width, uint16_t height, uint8_t *out, size_t capacity)
{
    struct image f = {
        .pixels = (const uint8_t *)pixels, .stride = (size_t)width * 4, .width = width, .height = height};
    struct rectangle all = {0, 0, width, height};
    struct writer w = writer_of(out, capacity);
    struct lossless l;
    assert_int_equal(lossless_init(&l), 0);
    lossless_prepare(&l, &f, all, 0);
    lossless_write(&l, &w, WIRE_LOSSLESS_QOI, all);
    lossless_finish(&l);
    return w.failed ? 0 : w.length;
}

static void check_image(const uint32_t *pixels, uint16_t width, const char *chunks, size_t length)
{
    uint8_t out[4096];
    size_t size = encode(pixels, width, 1, out, sizeof(out));
    assert_int_equal(size, 14 + length + 8);
    assert_memory_equal(out, "qoif\0\0", 6);
    assert_int_equal(out[6] << 8 | out[7], width);
    assert_memory_equal(out + 8, "\0\0\0\1\3\0", 6);
    assert_memory_equal(out + 14, chunks, length);
    assert_memory_equal(out + 14 + length, "\0\0\0\0\0\0\0\1", 8);
}

static void each_operation(void **state)
{
    (void)state;
    check_image((uint32_t[]){0}, 1, "\xc0", 1);                    // black is where it starts
    check_image((uint32_t[]){0xff000000}, 1, "\xc0", 1);           // the unused byte means nothing
    check_image((uint32_t[]){0x112233}, 1, "\xfe\x11\x22\x33", 4); // RGB
    check_image((uint32_t[]){0x0100ff}, 1, "\x79", 1);             // +1, 0, -1: difference
    check_image((uint32_t[]){0x0a0c08}, 1, "\xac\x64", 2);         // green +12, red -2, blue -4 from it
    check_image((uint32_t[]){0xff0000, 0, 0xff0000}, 3, "\x5a\x7a\x32", 3);
}

static void runs_end_at_62(void **state)
{
    (void)state;
    uint32_t black[63] = {0};
    check_image(black, 62, "\xfd", 1);
    check_image(black, 63, "\xfd\xc0", 2);
}

static void no_room_is_a_failure(void **state)
{
    (void)state;
    uint32_t pixels[16] = {0};
    uint8_t out[LOSSLESS_BYTES_MAX(16)];
    assert_int_equal(encode(pixels, 4, 4, out, 14 + 1 + 8 - 1), 0);
    assert_int_equal(encode(pixels, 4, 4, out, 14 + 1 + 8), 14 + 1 + 8);
    // The worst image stays inside the bound.
    for (uint32_t i = 0; i < 16; i++)
        pixels[i] = i * 0x456789u;
    size_t size = encode(pixels, 4, 4, out, sizeof(out));
    assert_true(size > 14 + 8 + 40 && size <= sizeof(out));
}

#define LETTER_WIDTH 9u
#define LETTER_HEIGHT 19u
#define LETTERS 70u
#define LINE_WIDTH (LETTER_WIDTH * LETTERS)

// A line of letters in shades, each one of 16, in an order of its own.
static void write_line(uint32_t *pixels, uint32_t seed)
{
    for (unsigned letter = 0; letter < LETTERS; letter++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t shape = seed >> 28;
        for (unsigned y = 0; y < LETTER_HEIGHT; y++) {
            for (unsigned x = 0; x < LETTER_WIDTH; x++) {
                uint32_t hash = (shape * 4096 + y * 64 + x) * 0x9e3779b1u;
                bool paper = x == 0 || y < 3 || y > 15 || hash >> 31;
                pixels[y * LINE_WIDTH + letter * LETTER_WIDTH + x] =
                    paper ? 0x151a23 : (hash >> 12 & 0xff) * 0x10101;
            }
        }
    }
}

// Letters that were sent before are found again wherever they stand: a few bytes each.
static void letters_are_found_again(void **state)
{
    (void)state;
    static uint32_t pixels[LINE_WIDTH * LETTER_HEIGHT];
    static uint8_t out[LOSSLESS_BYTES_MAX(LINE_WIDTH * LETTER_HEIGHT)];
    struct image image = {
        .pixels = (uint8_t *)pixels, .stride = LINE_WIDTH * 4, .width = LINE_WIDTH, .height = LETTER_HEIGHT};
    struct rectangle all = {0, 0, LINE_WIDTH, LETTER_HEIGHT};
    struct lossless l;
    assert_int_equal(lossless_init(&l), 0);
    for (uint32_t line = 1; line <= 5; line++) {
        write_line(pixels, line);
        struct writer w = writer_of(out, sizeof(out));
        enum wire_lossless encoding = lossless_prepare(&l, &image, all, LETTER_HEIGHT);
        assert_int_equal(encoding, WIRE_LOSSLESS_DEFLATED);
        lossless_write(&l, &w, encoding, all);
        assert_false(w.failed);
        print_message("line %u: %zu bytes\n", line, w.length);
        if (line > 1)
            assert_in_range(w.length, 1, LETTERS * 12);
    }
    lossless_finish(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation),
        cmocka_unit_test(runs_end_at_62),
        cmocka_unit_test(no_room_is_a_failure),
        cmocka_unit_test(letters_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
