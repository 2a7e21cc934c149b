// What has moved: copies, and what they leave to be sent.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scene.h"

static void move(struct scene *s, int from_x, int from_y, int x, int y, unsigned width, unsigned height)
{
    xcb_copy_area(s->rig.drawer, s->rig.screen->root, s->rig.screen->root, s->rig.gc, (int16_t)from_x,
                  (int16_t)from_y, (int16_t)x, (int16_t)y, (uint16_t)width, (uint16_t)height);
    rig_synchronise(&s->rig);
}

// Lets the streamer see what draw() does as one change, and returns the bytes that it took to show it.
static size_t bytes_of_change(struct scene *s, void (*draw)(struct scene *s))
{
    kill(s->rig.streamer, SIGSTOP);
    draw(s);
    size_t before = s->canvas.bytes;
    kill(s->rig.streamer, SIGCONT);
    scene_settle(s);
    assert_true(scene_exact(s));
    return s->canvas.bytes - before;
}

static void scroll_up(struct scene *s)
{
    move(s, 60, 63, 60, 50, 500, 400);
    rig_noise(&s->rig, 77, 60, 450, 500, 13);
}

static void scroll_down(struct scene *s)
{
    move(s, 60, 50, 60, 57, 500, 400);
    rig_noise(&s->rig, 78, 60, 50, 500, 7);
}

static void scroll_left(struct scene *s)
{
    move(s, 60, 50, 37, 50, 500, 400);
    rig_noise(&s->rig, 79, 537, 50, 23, 400);
}

static void drag_window(struct scene *s)
{
    move(s, 100, 100, 137, 119, 300, 200);
    rig_fill(&s->rig, 0x204060, 100, 100, 300, 19);
    rig_fill(&s->rig, 0x204060, 100, 119, 37, 181);
}

static void what_has_moved_is_copied(void **state)
{
    struct scene *s = *state;
    rig_noise(&s->rig, 5, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    scene_open(s);
    static const struct {
        void (*draw)(struct scene *s);
        size_t pixels; // that have moved
        size_t fresh;  // that are new
    } cases[] = {{scroll_up, 500 * 400, 500 * 13},
                 {scroll_down, 500 * 400, 500 * 7},
                 {scroll_left, 500 * 400, 23 * 400},
                 {drag_window, 300 * 200, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t copied = s->canvas.copied_pixels;
        unsigned video = s->canvas.video_frames;
        size_t bytes = bytes_of_change(s, cases[i].draw);
        print_message("%zu pixels copied, %zu bytes\n", s->canvas.copied_pixels - copied, bytes);
        assert_in_range(s->canvas.copied_pixels - copied, cases[i].pixels * 9 / 10,
                        cases[i].pixels * 11 / 10);
        assert_true(bytes < 4 * cases[i].fresh + cases[i].pixels / 5);
        assert_int_equal(s->canvas.video_frames, video);
    }
}

// What is moved while it is lossy stays lossy where it goes, and is repaired there.
static void lossy_pixels_move_too(void **state)
{
    struct scene *s = *state;
    s->rig.start.bitrate_kbps = 3000;
    scene_open(s);
    kill(s->rig.streamer, SIGSTOP);
    rig_noise(&s->rig, 7, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    rig_synchronise(&s->rig);
    kill(s->rig.streamer, SIGCONT);
    unsigned video = s->canvas.video_frames;
    while (s->canvas.video_frames == video)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_false(scene_exact(s));
    unsigned copies = s->canvas.copies;
    move(s, 32, 32, 61, 75, 480, 320);
    while (s->canvas.copies == copies)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    scene_settle(s);
    assert_true(scene_exact(s));
}

static void drag_step(struct scene *s, int from_x, int from_y, int x, int y)
{
    enum { WIDTH = 300, HEIGHT = 200 };
    move(s, from_x, from_y, x, y, WIDTH, HEIGHT);
    int dx = x - from_x, dy = y - from_y;
    if (dx != 0)
        rig_fill(&s->rig, 0x204060, dx > 0 ? from_x : x + WIDTH, from_y, (unsigned)abs(dx), HEIGHT);
    if (dy != 0)
        rig_fill(&s->rig, 0x204060, from_x, dy > 0 ? from_y : y + HEIGHT, WIDTH, (unsigned)abs(dy));
}

// In circles, with the streamer looking whenever it likes, and something new in the window now and then.
static void a_window_is_dragged_on(void **state)
{
    struct scene *s = *state;
    rig_fill(&s->rig, 0x204060, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    rig_noise(&s->rig, 5, 200, 100, 300, 200);
    scene_open(s);
    scene_settle(s);
    static const int steps[8][2] = {{9, 0}, {7, 5}, {0, 8}, {-6, 7}, {-9, 0}, {-7, -5}, {0, -8}, {6, -7}};
    unsigned copies = s->canvas.copies;
    int x = 200, y = 100;
    for (unsigned i = 0; i < 160; i++) {
        const int *step = steps[i / 10 % 8];
        drag_step(s, x, y, x + step[0], y + step[1]);
        x += step[0], y += step[1];
        if (i % 20 == 7)
            rig_fill(&s->rig, i * 1001, x + 40, y + 90, 50, 12);
        rig_synchronise(&s->rig);
        scene_step(s, 10);
        if (i % 40 == 39) {
            scene_settle(s);
            assert_true(scene_exact(s));
        }
    }
    print_message("%u copies, %u lossless\n", s->canvas.copies - copies, s->canvas.lossless);
    assert_true(s->canvas.copies > copies);
}

// Everything at once, drawn while the streamer looks: at rest the browser's picture is the display's, to the bit.
static void random_scenes_end_exact(void **state)
{
    struct scene *s = *state;
    rig_noise(&s->rig, 6, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    scene_open(s);
    uint32_t random = 4711;
    for (unsigned i = 0; i < 400; i++) {
        random = random * 1103515245 + 12345;
        unsigned width = 20 + (random >> 8) % 600, height = 20 + (random >> 16) % 400;
        int x = (int)((random >> 4) % (SCENE_WIDTH - width)),
            y = (int)((random >> 12) % (SCENE_HEIGHT - height));
        int dx = (int)(random >> 20) % 60 - 30, dy = (int)(random >> 25) % 60 - 30;
        if (i % 4 == 0)
            rig_fill(&s->rig, random & 0xffffff, x, y, width / 4, height / 4);
        else if (i % 4 == 1)
            rig_noise(&s->rig, random, x, y, width / 3, height / 3);
        else
            move(s, x, y, i % 4 == 2 ? x : x + dx, y + dy, width, height);
        if (i % 3 == 0)
            scene_step(s, 10);
        if (i % 100 == 99) {
            scene_settle(s);
            assert_true(scene_exact(s));
        }
    }
    print_message("%u copies, %u video frames, %u lossless\n", s->canvas.copies, s->canvas.video_frames,
                  s->canvas.lossless);
    assert_true(s->canvas.copies > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_moved_is_copied, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(lossy_pixels_move_too, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_window_is_dragged_on, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(random_scenes_end_exact, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
