// What the streamer encodes without loss comes out again, to the pixel; what it would never write is refused.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/pixels.h"
#include "streaming/lossless.h"

#define SIDE 64u
#define BYTES LOSSLESS_BYTES_MAX(SIDE *SIDE)

struct fixture {
    uint32_t sent[SIDE * SIDE], drawn[SIDE * SIDE];
    struct lossless lossless;
    struct pixels pixels;
    uint8_t message[BYTES];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return lossless_init(&f->lossless) < 0 || pixels_init(&f->pixels) < 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    lossless_finish(&f->lossless);
    pixels_finish(&f->pixels);
    free(f);
    return 0;
}

static struct surface surface_of(struct fixture *f)
{
    return (struct surface){(uint8_t *)f->drawn, SIDE * 4};
}

// Encodes one rectangle of `sent`. Its length; the encoding that the streamer chose.
static size_t encode(struct fixture *f, struct rectangle area, unsigned band,
                     enum wire_lossless *ret_encoding)
{
    struct image image = {(const uint8_t *)f->sent, SIDE * 4, SIDE, SIDE};
    struct writer w = writer_of(f->message, sizeof(f->message));
    *ret_encoding = lossless_prepare(&f->lossless, &image, area, band);
    lossless_write(&f->lossless, &w, *ret_encoding, area);
    assert_false(w.failed);
    return w.length;
}

static void check(struct fixture *f, struct rectangle area, unsigned band)
{
    enum wire_lossless encoding;
    size_t length = encode(f, area, band, &encoding);
    struct reader r = reader_of(f->message, length);
    unsigned told = encoding == WIRE_LOSSLESS_DEFLATED ? band : 0;
    assert_int_equal(pixels_draw(&f->pixels, encoding, told, &r, area, surface_of(f)), 0);
    for (unsigned y = area.y; y < area.y + area.height; y++) {
        for (unsigned x = area.x; x < area.x + area.width; x++)
            assert_int_equal(f->drawn[y * SIDE + x] & 0xffffff, f->sent[y * SIDE + x] & 0xffffff);
    }
}

static void what_was_sent_is_drawn(void **state)
{
    struct fixture *f = *state;
    uint32_t random = 1;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (unsigned i = 0; i < SIDE * SIDE; i++) {
            random = random * 1664525 + 1013904223;
            f->sent[i] = kind == 0   ? 0x203040
                         : kind == 1 ? (random >> 28 == 0 ? 0xd0d0d0 : 0x101010) // as text
                         : kind == 2 ? i * 0x010203
                                     : random >> 8;
        }
        static const unsigned bands[] = {0, 1, 13, 16, 200};
        for (size_t i = 0; i < sizeof(bands) / sizeof(bands[0]); i++) {
            check(f, (struct rectangle){0, 0, SIDE, SIDE}, bands[i]);
            check(f, (struct rectangle){3, 5, 17, 29}, bands[i]);
            check(f, (struct rectangle){63, 63, 1, 1}, bands[i]);
        }
    }
}

static void key_frames_begin_the_deflate_stream_anew(void **state)
{
    struct fixture *f = *state;
    struct rectangle all = {0, 0, SIDE, SIDE};
    for (unsigned i = 0; i < SIDE * SIDE; i++)
        f->sent[i] = i % 7 ? 0x101010 : 0xe0e0e0;
    check(f, all, 0);
    lossless_reset(&f->lossless);
    pixels_restart(&f->pixels);
    check(f, all, 0);
}

static int draw(struct fixture *f, const void *data, size_t length, enum wire_lossless encoding,
                unsigned band, struct rectangle area)
{
    struct reader r = reader_of(data, length);
    return pixels_draw(&f->pixels, encoding, band, &r, area, surface_of(f));
}

static void what_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct rectangle area = {0, 0, 8, 8};
    enum wire_lossless encoding;
    uint8_t raw[8 * 8 * 4 + 1] = {0};
    assert_int_equal(draw(f, raw, sizeof(raw) - 1, WIRE_LOSSLESS_RAW, 0, area), 0);
    assert_int_equal(draw(f, raw, sizeof(raw), WIRE_LOSSLESS_RAW, 0, area), -EPROTO);
    assert_int_equal(draw(f, raw, sizeof(raw) - 2, WIRE_LOSSLESS_RAW, 0, area), -EPROTO);
    assert_int_equal(draw(f, raw, sizeof(raw) - 1, WIRE_LOSSLESS_RAW, 4, area), -EPROTO);
    assert_int_equal(draw(f, raw, sizeof(raw) - 1, (enum wire_lossless)4, 0, area), -EPROTO);
    assert_int_equal(draw(f, raw, 0, WIRE_LOSSLESS_DEFLATED, 0, area), -EPROTO);
    size_t length = encode(f, area, 0, &encoding);
    assert_int_equal(encoding, WIRE_LOSSLESS_DEFLATED);
    // One pixel more or less than was sent.
    assert_int_equal(draw(f, f->message, length, encoding, 0, (struct rectangle){0, 0, 8, 9}), -EPROTO);
    pixels_restart(&f->pixels);
    assert_int_equal(draw(f, f->message, length, encoding, 0, (struct rectangle){0, 0, 8, 7}), -EPROTO);
    // A run that goes on behind the last pixel; an alpha that no desktop has.
    uint8_t qoi[] = {'q', 'o', 'i', 'f', 0, 0, 0, 8, 0, 0, 0, 8, 3, 0, 0xfd, 0xc0, 0, 0, 0, 0, 0, 0, 0, 1};
    assert_int_equal(draw(f, qoi, sizeof(qoi), WIRE_LOSSLESS_QOI, 0, area), -EPROTO);
    qoi[15] = 0xc1;
    assert_int_equal(draw(f, qoi, sizeof(qoi), WIRE_LOSSLESS_QOI, 0, area), 0);
    assert_int_equal(draw(f, qoi, sizeof(qoi) - 1, WIRE_LOSSLESS_QOI, 0, area), -EPROTO);
    qoi[14] = 0xff;
    assert_int_equal(draw(f, qoi, sizeof(qoi), WIRE_LOSSLESS_QOI, 0, area), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_sent_is_drawn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_frames_begin_the_deflate_stream_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
