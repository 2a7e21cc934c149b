// Input: what the browser sends, as the X server's clients see it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "listener.h"
#include "streaming/input.h"

static void keys_arrive_and_are_echoed(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 7, KEY_A, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    // What a program draws in answer carries the input's number.
    rig_fill(&s->rig, 0xff0000, 10, 10, 8, 12);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.input, 7);
    send_key(s, 8, KEY_A, false);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
}

static void repeated_presses_are_ignored(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTSHIFT, true); // does not repeat by itself
    send_key(s, 2, KEY_LEFTSHIFT, true);
    send_key(s, 3, KEY_B, false); // was never down
    send_key(s, 4, KEY_LEFTSHIFT, false);
    send_key(s, 5, KEY_LEFTSHIFT, false);
    send_key(s, 6, KEY_F1, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTSHIFT));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_F1));
}

static void pointer_is_clamped(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_pointer(s, WIRE_BUTTON, 1, 321, 123, 3, 1);
    xcb_key_press_event_t press = listener_next(s);
    assert_int_equal(press.response_type & 0x7f, XCB_BUTTON_PRESS);
    assert_int_equal(press.detail, 3);
    assert_int_equal(press.root_x, 321);
    assert_int_equal(press.root_y, 123);
    send_pointer(s, WIRE_POINTER, 2, 65535, 40000, 0, 0); // x alone says nothing special
    send_pointer(s, WIRE_BUTTON, 3, 65535, 65534, 3, 0);
    xcb_key_press_event_t release = listener_next(s);
    assert_int_equal(release.response_type & 0x7f, XCB_BUTTON_RELEASE);
    assert_int_equal(release.root_x, SCENE_WIDTH - 1);
    assert_int_equal(release.root_y, SCENE_HEIGHT - 1);
}

static void wheel_turns_into_clicks(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    for (uint32_t i = 0; i < 4; i++)
        send_pointer(s, WIRE_WHEEL, i + 1, 5, 5, 0, 30); // one notch in four parts
    listener_expect(s, XCB_BUTTON_PRESS, 5);
    listener_expect(s, XCB_BUTTON_RELEASE, 5);
    send_pointer(s, WIRE_WHEEL, 5, 5, 5, 0, -240);
    for (int i = 0; i < 2; i++) {
        listener_expect(s, XCB_BUTTON_PRESS, 4);
        listener_expect(s, XCB_BUTTON_RELEASE, 4);
    }
    send_pointer(s, WIRE_WHEEL, 6, 5, 5, 32767, 0); // bounded
    for (int i = 0; i < WHEEL_CLICKS_MAX; i++) {
        listener_expect(s, XCB_BUTTON_PRESS, 7);
        listener_expect(s, XCB_BUTTON_RELEASE, 7);
    }
    send_key(s, 7, KEY_F2, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_F2));
}

static void expect_clicks(struct scene *s, int count, uint8_t button)
{
    for (int i = 0; i < count; i++) {
        listener_expect(s, XCB_BUTTON_PRESS, button);
        listener_expect(s, XCB_BUTTON_RELEASE, button);
    }
}

// A touchpad's small steps: as many notches as they make up, the first after half of one, and none for a finger that trembles.
static void small_steps_scroll_proportionally(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    uint32_t input = 1;
    send_pointer(s, WIRE_WHEEL, input++, 5, 5, 0, 60);
    expect_clicks(s, 1, 5);
    for (int i = 0; i < 20; i++)
        send_pointer(s, WIRE_WHEEL, input++, 5, 5, 0, i % 2 == 0 ? -7 : 7);
    for (int i = 0; i < 300; i++) // with steps back in between, as touchpads have them
        send_pointer(s, WIRE_WHEEL, input++, 5, 5, 0, i % 3 == 2 ? -5 : 9);
    // 60 + 100 * (9 + 9 - 5) = 1360 units: 11.3 notches, of which one was clicked
    expect_clicks(s, 10, 5);
    send_pointer(s, WIRE_WHEEL, input++, 5, 5, 0, -60);
    send_pointer(s, WIRE_WHEEL, input++, 5, 5, 0, -120);
    expect_clicks(s, 1, 4);
    for (int i = 0; i < 120; i++)
        send_pointer(s, WIRE_WHEEL, input++, 5, 5, 4, 0);
    expect_clicks(s, 4, 7);
    send_key(s, input, KEY_F2, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_F2));
}

static void text_is_typed(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_text(s, 1, 'a');
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
    send_text(s, 2, 'A');
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTSHIFT));
    // A held Shift does not change what is typed.
    send_key(s, 3, KEY_RIGHTSHIFT, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_RIGHTSHIFT));
    send_text(s, 4, '1');
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_RIGHTSHIFT));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_1));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_1));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_RIGHTSHIFT));
}

static void any_character_is_typed_in_order(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    // More of them than there are spare keys, twice each, with a key of the map between.
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t character = 0x4e00 + i / 2;
        send_text(s, 2 * i + 1, character);
        send_text(s, 2 * i + 2, 'x');
        xcb_key_press_event_t press = listener_next(s);
        assert_int_equal(press.response_type & 0x7f, XCB_KEY_PRESS);
        assert_int_equal(listener_keysym(s, press.detail), 0x01000000 | character);
        listener_expect(s, XCB_KEY_RELEASE, press.detail);
        listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_X));
        listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_X));
    }
}

static void hold_some(struct scene *s)
{
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTCTRL, true);
    send_key(s, 2, KEY_X, true);
    send_pointer(s, WIRE_BUTTON, 3, 50, 50, 1, 1);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTCTRL));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_X));
    listener_expect(s, XCB_BUTTON_PRESS, 1);
    assert_true(rig_key_is_down(&s->rig, KEYCODE(KEY_LEFTCTRL)));
    assert_true(rig_button_is_down(&s->rig, 1));
}

static void check_released(struct scene *s)
{
    assert_false(rig_key_is_down(&s->rig, KEYCODE(KEY_LEFTCTRL)));
    assert_false(rig_key_is_down(&s->rig, KEYCODE(KEY_X)));
    assert_false(rig_button_is_down(&s->rig, 1));
}

static void leaving_releases_what_is_held(void **state)
{
    struct scene *s = *state;
    hold_some(s);
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    check_released(s);
}

static void an_error_releases_what_is_held(void **state)
{
    struct scene *s = *state;
    hold_some(s);
    rig_send(&s->rig, "\xff", 1);
    scene_check_exit(s, 1, "the viewer broke the protocol");
    check_released(s);
}

static void release_all_releases_what_is_held(void **state)
{
    struct scene *s = *state;
    hold_some(s);
    rig_send(&s->rig, (uint8_t[]){WIRE_RELEASE_ALL, 0, 0, 0, 9, 0, 0, 0}, 8);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTCTRL));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_X));
    listener_expect(s, XCB_BUTTON_RELEASE, 1);
    check_released(s);
}

static void watchers_may_only_watch(void **state)
{
    struct scene *s = *state;
    s->rig.start.view_only = 1;
    listener_open(s);
    scene_open(s);
    rig_send(&s->rig, (uint8_t[]){WIRE_REFRESH, 0, 0, 0}, 4);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.key_frames, 2);
    send_key(s, 1, KEY_A, true);
    scene_check_exit(s, 1, "the viewer broke the protocol");
    assert_false(rig_key_is_down(&s->rig, KEYCODE(KEY_A)));
}

static void resize_tells_the_size_in_force(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    rig_send(&s->rig, (uint8_t[]){WIRE_RESIZE, 0, 0, 0, 0x00, 0x05, 0xd0, 0x02, 100, 0, 0, 0}, 12);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.displays, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_arrive_and_are_echoed, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(repeated_presses_are_ignored, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(pointer_is_clamped, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(wheel_turns_into_clicks, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(small_steps_scroll_proportionally, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(text_is_typed, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(any_character_is_typed_in_order, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(leaving_releases_what_is_held, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(an_error_releases_what_is_held, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(release_all_releases_what_is_held, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(watchers_may_only_watch, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(resize_tells_the_size_in_force, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
