#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streaming/encoder.h"

#define WIDTH 640
#define HEIGHT 400
#define CELLS (WIDTH / 16 * HEIGHT / 16)

static struct encoder *encoder;
static struct picture picture;

static void draw(uint32_t seed, unsigned rows)
{
    for (unsigned y = 0; y < rows; y++) {
        for (unsigned x = 0; x < WIDTH; x++) {
            seed = seed * 1664525 + 1013904223;
            picture.planes[0][y * (unsigned)picture.strides[0] + x] = (uint8_t)(seed >> 24);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    struct encoder_settings settings = {.width = WIDTH,
                                        .height = HEIGHT,
                                        .framerate = 60,
                                        .codec = "libx264",
                                        .preset = "ultrafast",
                                        .tune = "zerolatency"};
    assert_int_equal(picture_init(&picture, WIDTH, HEIGHT, false), 0);
    return encoder_new(&settings, &encoder);
}

static int tear_down(void **state)
{
    (void)state;
    encoder_free(encoder);
    picture_finish(&picture);
    return 0;
}

static struct access_unit encode(int quantizer, bool key_frame, uint8_t unchanged, size_t changed_cells)
{
    memset(encoder_unchanged(encoder), unchanged, CELLS);
    memset(encoder_unchanged(encoder), 0, changed_cells);
    struct access_unit unit;
    assert_int_equal(encoder_encode(encoder, &picture, quantizer, key_frame, &unit), 0);
    assert_int_equal(unit.key_frame, key_frame);
    return unit;
}

static void key_frames_carry_their_parameter_sets(void **state)
{
    (void)state;
    assert_string_equal(encoder_codec(encoder), "avc1.42C01F");
    for (int i = 0; i < 2; i++) {
        struct access_unit unit = encode(26, true, 0, 0);
        assert_memory_equal(unit.data, "\0\0\0\1\x67\x42\xc0\x1f", 8);
    }
    struct access_unit unit = encode(26, false, 0, 0);
    assert_int_equal(unit.data[4] & 0x1f, 1); // a slice, nothing before it
}

static void quantizers_are_obeyed(void **state)
{
    (void)state;
    draw(1, HEIGHT);
    size_t coarse = encode(46, true, 0, 0).length;
    size_t fine = encode(20, true, 0, 0).length;
    assert_true(fine > coarse * 4);
    draw(2, HEIGHT);
    coarse = encode(46, false, 0, 0).length;
    draw(3, HEIGHT);
    fine = encode(20, false, 0, 0).length;
    assert_true(fine > coarse * 4);
}

// What is flagged unchanged costs nothing, unless the frame is finer than what it was coded with; and then once.
static void unchanged_macroblocks_cost_nothing(void **state)
{
    (void)state;
    draw(1, HEIGHT);
    encode(40, true, 0, 0);
    assert_true(encode(40, false, 1, 0).length < 64);
    assert_true(encode(20, false, 1, 0).length > 10000);
    assert_true(encode(20, false, 1, 0).length < 64);
    assert_true(encode(40, false, 1, 0).length < 64);
    draw(2, 32);
    size_t part = encode(20, false, 1, 2 * WIDTH / 16).length;
    draw(3, HEIGHT);
    size_t whole = encode(20, false, 0, 0).length;
    assert_true(part < whole / 8);
}

static void what_is_not_known_is_refused(void **state)
{
    (void)state;
    struct encoder *none = NULL;
    struct encoder_settings good = {640, 400, 60, 20000, false, "libx264", "ultrafast", "zerolatency"},
                            bad = good;
    bad.codec = "vp8";
    assert_int_equal(encoder_new(&bad, &none), -ENOENT);
    bad = good;
    bad.preset = "fastest";
    assert_int_equal(encoder_new(&bad, &none), -EINVAL);
    bad = good;
    bad.width = 641;
    assert_int_equal(encoder_new(&bad, &none), -EINVAL);
    assert_null(none);
}

static void each_preset_gives_a_frame_at_once(void **state)
{
    (void)state;
    static const char *const presets[] = {"ultrafast", "superfast", "veryfast", "faster", "fast"};
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        encoder_free(encoder);
        encoder = NULL;
        struct encoder_settings settings = {640, 400, 60, 20000, false, "libx264", presets[i], "zerolatency"};
        assert_int_equal(encoder_new(&settings, &encoder), 0);
        encode(26, true, 0, 0);
        draw((uint32_t)i, HEIGHT);
        assert_true(encode(26, false, 0, 0).length > 1000);
    }
}

static void the_check_names_what_there_is(void **state)
{
    (void)state;
    struct encoder_settings settings = {640, 400, 60, 20000, false, "libx264", "ultrafast", "zerolatency"};
    char problem[512];
    assert_int_equal(encoder_check(&settings, problem, sizeof(problem)), 0);
    settings.full_chroma = true;
    assert_int_equal(encoder_check(&settings, problem, sizeof(problem)), 0);
    settings.codec = "h264_nvenc";
    assert_int_equal(encoder_check(&settings, problem, sizeof(problem)), -EINVAL);
    assert_non_null(strstr(problem,
                           "VIDEO_CODEC h264_nvenc with VIDEO_CHROMA 444: it needs a GPU, and streamers are "
                           "confined without devices: use libx264; this machine has: libx264"));
    settings.codec = "av1_vaapi";
    assert_int_equal(encoder_check(&settings, problem, sizeof(problem)), -EINVAL);
    assert_non_null(strstr(problem, "it needs a GPU"));
    settings.codec = "h264_anything";
    assert_int_equal(encoder_check(&settings, problem, sizeof(problem)), -EINVAL);
    assert_non_null(strstr(problem, "there is no such encoder; this machine has: libx264"));
    settings.codec = "libx264";
    settings.preset = "fastest";
    assert_int_equal(encoder_check(&settings, problem, sizeof(problem)), -EINVAL);
    assert_non_null(strstr(problem, "does not take these settings"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(key_frames_carry_their_parameter_sets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quantizers_are_obeyed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unchanged_macroblocks_cost_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_refused, set_up, tear_down),
        cmocka_unit_test(the_check_names_what_there_is),
        cmocka_unit_test_setup_teardown(each_preset_gives_a_frame_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
