#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation),
        cmocka_unit_test(runs_end_at_62),
        cmocka_unit_test(no_room_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
