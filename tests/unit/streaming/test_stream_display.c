// The display's size: what viewers ask for, what programs of the sandbox do to it, and what stays right meanwhile.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <xcb/randr.h>

#include "hostile.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "scene.h"
#include "streaming/resize.h"

static void ask(struct scene *s, unsigned width, unsigned height, unsigned scale)
{
    uint8_t message[12] = {WIRE_RESIZE,
                           0,
                           0,
                           0,
                           (uint8_t)width,
                           (uint8_t)(width >> 8),
                           (uint8_t)height,
                           (uint8_t)(height >> 8),
                           (uint8_t)scale,
                           (uint8_t)(scale >> 8)};
    rig_send(&s->rig, message, sizeof(message));
}

static void wait_for_size(struct scene *s, unsigned width, unsigned height)
{
    while (s->canvas.width != width || s->canvas.height != height)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    scene_settle(s);
}

static void root_size(struct scene *s, unsigned *ret_width, unsigned *ret_height)
{
    AUTO_FREE xcb_get_geometry_reply_t *reply =
        xcb_get_geometry_reply(s->rig.drawer, xcb_get_geometry(s->rig.drawer, s->rig.screen->root), NULL);
    assert_non_null(reply);
    *ret_width = reply->width;
    *ret_height = reply->height;
}

static void the_display_follows_the_viewer(void **state)
{
    struct scene *s = *state;
    static const unsigned sizes[][2] = {{640, 480}, {333, 257}, {799, 599},
                                        {320, 200}, {800, 600}, {641, 201}};
    rig_noise(&s->rig, 5, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    scene_open(s);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned width = sizes[i][0], height = sizes[i][1], real_width, real_height;
        ask(s, width, height, 100);
        wait_for_size(s, width, height);
        root_size(s, &real_width, &real_height);
        assert_true(real_width == width && real_height == height);
        assert_true(scene_exact(s));
        // Small changes and moving pictures of the new size, up to its last pixel.
        rig_fill(&s->rig, 0xa0b0c0 + (uint32_t)i, (int)width - 7, (int)height - 5, 7, 5);
        assert_true(scene_step(s, RIG_PATIENCE_MS));
        rig_noise(&s->rig, (uint32_t)i, 0, 0, width, height);
        scene_settle(s);
        assert_true(scene_exact(s));
    }
}

static void sizes_are_cut_to_the_framebuffer(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    ask(s, 640, 480, 100);
    wait_for_size(s, 640, 480);
    ask(s, 7680, 4320, 100);
    wait_for_size(s, SCENE_WIDTH, SCENE_HEIGHT);
    assert_true(scene_exact(s));
}

static void the_policy_is_the_largest_size(void **state)
{
    struct scene *s = *state;
    s->rig.start.policy.width_max = 500;
    s->rig.start.policy.height_max = 400;
    scene_open(s); // larger than that when the viewer comes
    wait_for_size(s, 500, 400);
    ask(s, 320, 200, 100);
    wait_for_size(s, 320, 200);
    ask(s, SCENE_WIDTH, SCENE_HEIGHT, 100);
    wait_for_size(s, 500, 400);
    assert_true(scene_exact(s));
}

static void attach_again(struct scene *s, bool view_only)
{
    scene_leave(s);
    s->rig.start.view_only = view_only;
    scene_open(s);
}

static void expect_root(struct scene *s, unsigned width, unsigned height)
{
    unsigned real_width, real_height;
    rig_synchronise(&s->rig);
    root_size(s, &real_width, &real_height);
    assert_true(real_width == width && real_height == height);
}

// Who may only watch changes nothing, not even by being there. Given control, the next streamer enforces the policy; taken, it is as before.
static void a_watcher_enforces_no_size(void **state)
{
    struct scene *s = *state;
    s->rig.start.policy.width_max = 500;
    s->rig.start.policy.height_max = 400;
    s->rig.start.view_only = true;
    scene_open(s);
    expect_root(s, SCENE_WIDTH, SCENE_HEIGHT);
    assert_true(s->canvas.width == SCENE_WIDTH && scene_exact(s));
    xcb_randr_set_screen_size(s->rig.drawer, s->rig.screen->root, 700, 450, 10, 10);
    rig_synchronise(&s->rig);
    scene_settle(s);
    expect_root(s, SCENE_WIDTH, SCENE_HEIGHT);
    attach_again(s, false);
    wait_for_size(s, 500, 400);
    expect_root(s, 500, 400);
    attach_again(s, true);
    expect_root(s, 500, 400);
}

static void the_pointer_keeps_inside(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    ask(s, 400, 300, 100);
    wait_for_size(s, 400, 300);
    rig_send(&s->rig, (uint8_t[]){WIRE_POINTER, 0, 0, 0, 1, 0, 0, 0, 0x1f, 3, 0x57, 2}, 12); // 799, 599
    scene_settle(s);
    rig_synchronise(&s->rig);
    AUTO_FREE xcb_query_pointer_reply_t *reply =
        xcb_query_pointer_reply(s->rig.drawer, xcb_query_pointer(s->rig.drawer, s->rig.screen->root), NULL);
    assert_true(reply && reply->root_x == 399 && reply->root_y == 299);
}

static void the_scale_is_told_to_programs(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    ask(s, SCENE_WIDTH, SCENE_HEIGHT, 200);
    while (s->canvas.displays == 0)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    rig_synchronise(&s->rig);
    AUTO_FREE xcb_intern_atom_reply_t *atom =
        xcb_intern_atom_reply(s->rig.drawer, xcb_intern_atom(s->rig.drawer, 1, 14, "_SANDBOX_SCALE"), NULL);
    AUTO_FREE xcb_get_property_reply_t *reply = xcb_get_property_reply(
        s->rig.drawer,
        xcb_get_property(s->rig.drawer, 0, s->rig.screen->root, atom->atom, XCB_ATOM_CARDINAL, 0, 1), NULL);
    assert_true(reply && xcb_get_property_value_length(reply) == 4);
    assert_int_equal(*(uint32_t *)xcb_get_property_value(reply), 200);
}

// Every wish of a hostile browser that gets through costs an encoder: the newest of each tenth of a second does.
static void a_storm_of_wishes_is_bounded(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    uint64_t start = s->canvas.captured_us;
    for (unsigned i = 0; i < 2000; i++)
        ask(s, 320 + i % 400, 200 + i % 300, 100);
    ask(s, 555, 444, 100);
    wait_for_size(s, 555, 444);
    assert_true(scene_exact(s));
    assert_true(s->canvas.displays <= 2 + (s->canvas.captured_us - start) / RESIZE_APPLY_US);
}

// The sandbox's programs may change the size as well, as fast as they like.
static void a_storm_of_changes_is_bounded(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    uint64_t start = s->canvas.captured_us;
    xcb_connection_t *c = s->rig.drawer;
    AUTO_FREE xcb_randr_get_screen_resources_current_reply_t *resources =
        xcb_randr_get_screen_resources_current_reply(
            c, xcb_randr_get_screen_resources_current(c, s->rig.screen->root), NULL);
    assert_true(resources && resources->num_crtcs == 1);
    xcb_randr_crtc_t crtc = xcb_randr_get_screen_resources_current_crtcs(resources)[0];
    xcb_randr_set_crtc_config(c, crtc, XCB_CURRENT_TIME, XCB_CURRENT_TIME, 0, 0, XCB_NONE, 1, 0, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        xcb_randr_set_screen_size(c, s->rig.screen->root, (uint16_t)(1 + i % 790), (uint16_t)(1 + i % 590),
                                  10, 10);
        if (i % 50 == 0)
            rig_synchronise(&s->rig);
    }
    xcb_randr_set_screen_size(c, s->rig.screen->root, 611, 433, 10, 10);
    xcb_flush(c);
    wait_for_size(s, 611, 433);
    assert_true(scene_exact(s));
    assert_true(s->canvas.displays <= 2 + (s->canvas.captured_us - start) / RESIZE_APPLY_US);
    // Smaller than the protocol knows: the framebuffer has pixels enough.
    xcb_randr_set_screen_size(c, s->rig.screen->root, 3, 2, 10, 10);
    xcb_flush(c);
    wait_for_size(s, DISPLAY_WIDTH_MIN, DISPLAY_HEIGHT_MIN);
    assert_true(scene_exact(s));
}

static void a_new_viewer_sees_the_size_in_force(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    ask(s, 500, 400, 150);
    wait_for_size(s, 500, 400);
    scene_leave(s);
    scene_open(s);
    assert_true(s->canvas.width == 500 && s->canvas.height == 400 && s->canvas.displays == 0);
    assert_true(scene_exact(s));
}

static void impossible_sizes_are_clamped(void **state)
{
    struct scene *s = *state;
    int connection;
    pid_t server = hostile_start(HOSTILE_SIZES, SCENE_WIDTH, SCENE_HEIGHT, 3, &connection);
    rig_attach(&s->rig, connection);
    unsigned wishes = 0;
    while (s->canvas.displays < 5) {
        assert_true(scene_step(s, RIG_PATIENCE_MS));
        ask(s, 400 + wishes++ % 100, 300, 100);
        assert_true(s->canvas.width <= SCENE_WIDTH && s->canvas.height <= SCENE_HEIGHT);
    }
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_display_follows_the_viewer, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(sizes_are_cut_to_the_framebuffer, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(the_policy_is_the_largest_size, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_watcher_enforces_no_size, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(the_pointer_keeps_inside, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(the_scale_is_told_to_programs, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_storm_of_wishes_is_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_storm_of_changes_is_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_new_viewer_sees_the_size_in_force, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(impossible_sizes_are_clamped, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
