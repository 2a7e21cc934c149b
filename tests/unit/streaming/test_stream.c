// Pictures: the streamer as a process, between a real X server and a browser's half of the protocol.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "scene.h"

static void hello_then_key_frame(void **state)
{
    struct scene *s = *state;
    rig_noise(&s->rig, 1, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    rig_synchronise(&s->rig);
    rig_attach(&s->rig, -1);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.hellos, 1);
    assert_int_equal(s->canvas.width, SCENE_WIDTH);
    assert_int_equal(s->canvas.height, SCENE_HEIGHT);
    assert_memory_equal(s->canvas.codec, "avc1.42", 7);
    while (s->canvas.video_frames == 0)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.key_frames, 1);
    assert_true(scene_error(s) < 65);
    scene_settle(s);
    assert_true(scene_exact(s));
    assert_int_equal(s->canvas.video_frames, 1);
    assert_int_equal(s->canvas.cursors, 1);
}

static void small_change_is_lossless_at_once(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    unsigned video = s->canvas.video_frames, lossless = s->canvas.lossless;
    rig_fill(&s->rig, 0x3366aa, 101, 203, 30, 20);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.lossless, lossless + 1);
    assert_true(scene_exact(s));
    scene_settle(s);
    assert_int_equal(s->canvas.video_frames, video);
    assert_int_equal(s->canvas.lossless, lossless + 1);
}

static void motion_is_video_and_then_exact(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    unsigned video = s->canvas.video_frames;
    for (uint32_t i = 0; i < 20; i++) {
        rig_noise(&s->rig, i, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    }
    assert_true(s->canvas.video_frames > video + 5);
    // The encoder had been given back; a machine that stutters gives it back again.
    assert_in_range(s->canvas.key_frames, 2, s->canvas.video_frames - video - 1);
    scene_settle(s);
    assert_true(scene_exact(s));
}

// Lossless patches leave the encoder's reference behind; video over them must not show it.
static void patches_and_video_mix(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    uint32_t random = 12345;
    for (unsigned i = 0; i < 60; i++) {
        random = random * 1103515245 + 12345;
        unsigned width = i % 3 ? 16 + (random >> 8) % 100 : 400 + (random >> 8) % 300;
        unsigned height = i % 3 ? 16 + (random >> 16) % 100 : 300 + (random >> 16) % 200;
        int x = (int)((random >> 4) % (SCENE_WIDTH - width)),
            y = (int)((random >> 12) % (SCENE_HEIGHT - height));
        // The streamer sees the change whole: a part that came later would be a patch, and no repair.
        kill(s->rig.streamer, SIGSTOP);
        if (i % 2)
            rig_fill(&s->rig, random & 0xffffff, x, y, width, height);
        else
            rig_noise(&s->rig, random, x, y, width, height);
        rig_synchronise(&s->rig);
        kill(s->rig.streamer, SIGCONT);
        bool repaired = false;
        while (scene_error(s) >= 65) {
            unsigned video = s->canvas.video_frames;
            assert_true(scene_step(s, RIG_PATIENCE_MS));
            repaired = s->canvas.video_frames == video && s->canvas.header.waited_us == 0;
        }
        // It was the damage's own update that brought it, not the repair that would hide a wrong reference.
        assert_false(repaired);
        scene_step(s, 30);
    }
    scene_settle(s);
    assert_true(scene_exact(s));
}

// A letter that the browser has seen before costs next to nothing.
static void typing_costs_few_bytes(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    size_t bytes = 0;
    for (int i = 0; i < 20; i++) {
        rig_fill(&s->rig, 0xffffff, 101 + i * 6, 203, 2, 9);
        rig_fill(&s->rig, 0xc0c0c0, 104 + i * 6, 205, 1, 7);
        rig_synchronise(&s->rig);
        size_t before = s->canvas.bytes;
        assert_true(scene_step(s, RIG_PATIENCE_MS));
        scene_step(s, 40);
        bytes += s->canvas.bytes - before;
    }
    assert_true(scene_exact(s));
    print_message("%zu bytes per letter\n", bytes / 20);
    assert_true(bytes / 20 < 100);
}

// A film in a window: coded at the window's size, and the text beside it stays exact all the time.
static void video_is_coded_where_it_plays(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    for (uint32_t i = 0; i < 30; i++) {
        rig_noise(&s->rig, i, 320, 160, 320, 240);
        rig_fill(&s->rig, 0x010101 * i, 16, 16 + (int)i * 4, 40, 10);
        rig_synchronise(&s->rig);
        while (scene_step(s, 20))
            continue;
    }
    assert_true(s->canvas.regions > 15);
    assert_in_range(s->canvas.key_frames, 2, 4);
    scene_settle(s);
    assert_true(scene_exact(s));
}

// Each encoder that there is, decoded by libavcodec: a lossy picture of the right thing, then the thing itself.
static void each_encoder_ends_exact(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *name, *string;
        uint8_t full_chroma;
        double error; // with 4:2:0 the colours of single pixels are lost
    } codecs[] = {{"libx264", "avc1.42", 0, 65},
                  {"libx264", "avc1.F4", 1, 30},
                  {"libvpx-vp9", "vp09.00.", 0, 90},
                  {"libvpx-vp9", "vp09.01.", 1, 90},
                  {"libaom-av1", "av01.0.", 0, 90}};
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        rig_finish(&s->rig);
        canvas_finish(&s->canvas);
        rig_start(&s->rig, SCENE_WIDTH, SCENE_HEIGHT);
        snprintf(s->rig.start.codec, sizeof(s->rig.start.codec), "%s", codecs[i].name);
        s->rig.start.full_chroma = codecs[i].full_chroma;
        rig_noise(&s->rig, 1, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
        rig_attach(&s->rig, -1);
        while (s->canvas.video_frames == 0)
            assert_true(scene_step(s, RIG_PATIENCE_MS));
        print_message("%s: error %.1f\n", s->canvas.codec, scene_error(s));
        assert_memory_equal(s->canvas.codec, codecs[i].string, strlen(codecs[i].string));
        assert_true(scene_error(s) < codecs[i].error);
        scene_settle(s);
        assert_true(scene_exact(s));
        // Another size of picture, after the filter has shut.
        for (uint32_t frame = 0; s->canvas.regions < 3; frame++) {
            assert_true(frame < 200); // a slow encoder misses frames, and what follows late is no film
            rig_noise(&s->rig, frame, 320, 160, 320, 240);
            rig_synchronise(&s->rig);
            while (scene_step(s, 20))
                continue;
        }
        scene_settle(s);
        assert_true(scene_exact(s));
    }
}

// A film that stops is exact half a second later; a loaded machine is given twice that.
static void stillness_is_exact_soon(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    for (uint32_t i = 0; i < 20; i++) {
        rig_noise(&s->rig, i, 160, 80, 480, 400);
        rig_synchronise(&s->rig);
        scene_step(s, 30);
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!scene_exact(s))
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    clock_gettime(CLOCK_MONOTONIC, &end);
    double passed = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
    print_message("exact after %.0f ms\n", passed);
    assert_true(passed < 1000);
}

static void refresh_brings_a_key_frame(void **state)
{
    struct scene *s = *state;
    rig_noise(&s->rig, 3, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    scene_open(s);
    unsigned video = s->canvas.video_frames;
    rig_send(&s->rig, (uint8_t[]){WIRE_REFRESH, 0, 0, 0}, 4);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.video_frames, video + 1);
    assert_int_equal(s->canvas.key_frames, 2);
    scene_settle(s);
    assert_true(scene_exact(s));
}

static void odd_size(void **state)
{
    struct scene *s = *state;
    rig_finish(&s->rig);
    rig_start(&s->rig, 645, 403);
    rig_noise(&s->rig, 9, 0, 0, 645, 403);
    rig_attach(&s->rig, -1);
    while (s->canvas.video_frames == 0)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_true(scene_error(s) < 65);
    scene_settle(s);
    assert_true(scene_exact(s));
}

static void cursor_follows(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    unsigned cursors = s->canvas.cursors;
    assert_true(s->canvas.cursor_width > 0);
    xcb_connection_t *c = s->rig.drawer;
    uint32_t font = xcb_generate_id(c), cursor = xcb_generate_id(c);
    xcb_open_font(c, font, 6, "cursor");
    xcb_create_glyph_cursor(c, cursor, font, font, 68, 69, 0xffff, 0, 0, 0, 0, 0xffff);
    xcb_change_window_attributes(c, s->rig.screen->root, XCB_CW_CURSOR, &cursor);
    rig_synchronise(&s->rig);
    while (s->canvas.cursors == cursors)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hello_then_key_frame, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(small_change_is_lossless_at_once, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(motion_is_video_and_then_exact, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(patches_and_video_mix, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(typing_costs_few_bytes, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(video_is_coded_where_it_plays, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(each_encoder_ends_exact, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(stillness_is_exact_soon, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(refresh_brings_a_key_frame, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(odd_size, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(cursor_follows, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
