// The pointer that somebody else moves: programs of the desktop, other viewers. Who watches sees where it is.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <xcb/xtest.h>

#include "hostile.h"
#include "lib/cleanup.h"
#include "listener.h"
#include "streaming/clock.h"
#include "streaming/pointer.h"

#define STORM_US UINT64_C(2000000)
#define FARAWAY 30 // pixels; further than any cursor's hot spot

static void open_knowing(struct scene *s, bool view_only)
{
    s->knows = WIRE_KNOWS_POINTER;
    s->rig.start.view_only = view_only;
    scene_open(s);
}

// As xdotool does.
static void warp(struct scene *s, int16_t x, int16_t y)
{
    xcb_warp_pointer(s->rig.drawer, XCB_NONE, s->rig.screen->root, 0, 0, 0, 0, x, y);
    xcb_flush(s->rig.drawer);
}

// As pyautogui does.
static void fake(struct scene *s, int16_t x, int16_t y)
{
    xcb_test_fake_input(s->rig.drawer, XCB_MOTION_NOTIFY, 0, XCB_CURRENT_TIME, s->rig.screen->root, x, y, 0);
    xcb_flush(s->rig.drawer);
}

static void expect_place(struct scene *s, unsigned x, unsigned y)
{
    while (s->canvas.pointers == 0 || s->canvas.pointer_x != x || s->canvas.pointer_y != y)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
}

static void where_is(struct scene *s, int *ret_x, int *ret_y)
{
    AUTO_FREE xcb_query_pointer_reply_t *reply =
        xcb_query_pointer_reply(s->rig.drawer, xcb_query_pointer(s->rig.drawer, s->rig.screen->root), NULL);
    assert_non_null(reply);
    *ret_x = reply->root_x;
    *ret_y = reply->root_y;
}

static void programs_that_move_it_are_seen(void **state)
{
    struct scene *s = *state;
    open_knowing(s, false);
    assert_int_equal(s->canvas.pointers, 0); // nobody has moved it
    warp(s, 100, 200);
    expect_place(s, 100, 200);
    fake(s, 321, 123);
    expect_place(s, 321, 123);
    scene_settle(s); // at rest
    fake(s, 322, 123);
    expect_place(s, 322, 123);
    warp(s, SCENE_WIDTH - 1, SCENE_HEIGHT - 1);
    expect_place(s, SCENE_WIDTH - 1, SCENE_HEIGHT - 1);
}

static void who_watches_sees_it_at_once(void **state)
{
    struct scene *s = *state;
    warp(s, 77, 66);
    rig_synchronise(&s->rig);
    open_knowing(s, true);
    expect_place(s, 77, 66);
    for (int16_t x = 100; x < 700; x += 60) {
        warp(s, x, 50);
        expect_place(s, (unsigned)x, 50);
    }
}

// Buttons keep the pointer's idle time from growing: the motion right behind them is no less seen.
static void motion_behind_clicks_is_seen(void **state)
{
    struct scene *s = *state;
    open_knowing(s, true);
    scene_settle(s);
    for (int16_t round = 1; round <= 20; round++) {
        for (int i = 0; i < 2; i++)
            xcb_test_fake_input(s->rig.drawer, i == 0 ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, 2, 0, XCB_NONE,
                                0, 0, 0);
        rig_synchronise(&s->rig);
        scene_step(s, round * 7); // each time another while later
        fake(s, (int16_t)(round * 20), 300);
        expect_place(s, (unsigned)round * 20, 300);
    }
}

static void the_viewers_own_motion_is_not_told(void **state)
{
    struct scene *s = *state;
    open_knowing(s, false);
    for (uint32_t i = 1; i <= 200; i++) {
        send_pointer(s, WIRE_POINTER, i, (uint16_t)(i * 3), 100, 0, 0);
        scene_step(s, 5);
    }
    scene_settle(s);
    assert_int_equal(s->canvas.pointers, 0);
    warp(s, 600, FARAWAY); // another row: not where the viewer has put it
    expect_place(s, 600, FARAWAY);
    send_pointer(s, WIRE_POINTER, 201, 10, 10, 0, 0);
    scene_settle(s);
    assert_int_equal(s->canvas.pointers, 1);
}

// A game that holds the pointer in the middle.
static void what_programs_do_about_it_is_told_when_the_viewer_rests(void **state)
{
    struct scene *s = *state;
    open_knowing(s, false);
    for (uint32_t i = 1; i <= 20; i++)
        send_pointer(s, WIRE_POINTER, i, (uint16_t)(i * 3), 100, 0, 0);
    int x = 0, y = 0;
    while (x != 60 || y != 100)
        where_is(s, &x, &y);
    warp(s, 400, 300);
    expect_place(s, 400, 300);
    assert_int_equal(s->canvas.pointers, 1);
}

static void steps_are_told_when_they_have_ended(void **state)
{
    struct scene *s = *state;
    open_knowing(s, false);
    send_pointer(s, WIRE_POINTER, 1, 100, 100, 0, 0);
    send_words(s, WIRE_RELATIVE, 2, 50, (uint16_t)-30);
    expect_place(s, 150, 70);
    assert_int_equal(s->canvas.pointers, 1);
}

// A page from before this message.
static void who_does_not_know_it_is_told_nothing(void **state)
{
    struct scene *s = *state;
    s->rig.start.view_only = true;
    scene_open(s);
    for (int16_t x = 100; x < 700; x += 60)
        warp(s, x, 50);
    rig_synchronise(&s->rig);
    scene_settle(s);
    assert_int_equal(s->canvas.pointers, 0);
}

static void a_storm_of_motion_is_bounded(void **state)
{
    struct scene *s = *state;
    open_knowing(s, true);
    unsigned before = s->canvas.pointers;
    uint64_t start = clock_us();
    for (unsigned i = 0; clock_us() - start < STORM_US; i++) {
        warp(s, (int16_t)(i * 7 % SCENE_WIDTH), (int16_t)(i * 5 % SCENE_HEIGHT));
        if (i % 64 == 0) {
            rig_synchronise(&s->rig);
            scene_step(s, 0);
        }
    }
    warp(s, 222, 111);
    expect_place(s, 222, 111);
    assert_in_range(s->canvas.pointers - before, 1, 2 + (clock_us() - start) / POINTER_INTERVAL_US);
}

static void an_x_server_that_lies_about_it_is_bounded(void **state)
{
    struct scene *s = *state;
    int connection;
    pid_t server = hostile_start(HOSTILE_POINTER, SCENE_WIDTH, SCENE_HEIGHT, 5, &connection);
    s->knows = WIRE_KNOWS_POINTER;
    uint64_t start = clock_us();
    rig_attach(&s->rig, connection);
    while (clock_us() - start < STORM_US || s->canvas.pointers < 10)
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_true(s->canvas.pointers <= 2 + (clock_us() - start) / POINTER_INTERVAL_US);
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(programs_that_move_it_are_seen, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(who_watches_sees_it_at_once, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(motion_behind_clicks_is_seen, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(the_viewers_own_motion_is_not_told, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(what_programs_do_about_it_is_told_when_the_viewer_rests, scene_start,
                                        scene_end),
        cmocka_unit_test_setup_teardown(steps_are_told_when_they_have_ended, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(who_does_not_know_it_is_told_nothing, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_storm_of_motion_is_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(an_x_server_that_lies_about_it_is_bounded, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
