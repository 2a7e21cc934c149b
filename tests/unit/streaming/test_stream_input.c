// Input: what the browser sends, as the X server's clients see it.

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "lib/cleanup.h"
#include "scene.h"
#include "streaming/input.h"

#define KEYCODE(code) ((code) + 8)

// A window over the whole screen that takes keys and buttons.
static void open_listener(struct scene *s)
{
    xcb_connection_t *c = s->rig.drawer;
    uint32_t window = xcb_generate_id(c);
    uint32_t values[] = {1, XCB_EVENT_MASK_KEY_PRESS | XCB_EVENT_MASK_KEY_RELEASE |
                                XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE};
    xcb_create_window(c, XCB_COPY_FROM_PARENT, window, s->rig.screen->root, 0, 0, SCENE_WIDTH, SCENE_HEIGHT,
                      0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
                      XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
    xcb_map_window(c, window);
    xcb_set_input_focus(c, XCB_INPUT_FOCUS_POINTER_ROOT, XCB_INPUT_FOCUS_POINTER_ROOT, XCB_CURRENT_TIME);
    rig_synchronise(&s->rig);
}

// Waits for the next key or button event of the drawer.
static xcb_key_press_event_t next_event(struct scene *s)
{
    for (;;) {
        AUTO_FREE xcb_generic_event_t *event = xcb_poll_for_event(s->rig.drawer);
        if (event && (event->response_type & 0x7f) >= XCB_KEY_PRESS &&
            (event->response_type & 0x7f) <= XCB_BUTTON_RELEASE)
            return *(xcb_key_press_event_t *)event;
        if (event)
            continue;
        struct pollfd ready = {.fd = xcb_get_file_descriptor(s->rig.drawer), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, RIG_PATIENCE_MS), 1);
    }
}

static void expect(struct scene *s, uint8_t type, uint8_t detail)
{
    xcb_key_press_event_t event = next_event(s);
    assert_int_equal(event.response_type & 0x7f, type);
    assert_int_equal(event.detail, detail);
}

static void send_key(struct scene *s, uint32_t input, uint16_t code, bool down)
{
    uint8_t message[12];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_KEY);
    write_u32(&w, input);
    write_u16(&w, code);
    write_u8(&w, down);
    write_u8(&w, 0);
    rig_send(&s->rig, message, w.length);
}

static void send_pointer(struct scene *s, enum wire_kind kind, uint32_t input, uint16_t x, uint16_t y, int a,
                         int b)
{
    uint8_t message[16];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, kind);
    write_u32(&w, input);
    write_u16(&w, x);
    write_u16(&w, y);
    if (kind == WIRE_BUTTON) {
        write_u8(&w, (uint8_t)a);
        write_u8(&w, (uint8_t)b);
        write_u16(&w, 0);
    } else if (kind == WIRE_WHEEL) {
        write_u16(&w, (uint16_t)a);
        write_u16(&w, (uint16_t)b);
    }
    rig_send(&s->rig, message, w.length);
}

static void send_text(struct scene *s, uint32_t input, uint32_t character)
{
    uint8_t message[12];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_TEXT);
    write_u32(&w, input);
    write_u32(&w, character);
    rig_send(&s->rig, message, w.length);
}

static void keys_arrive_and_are_echoed(void **state)
{
    struct scene *s = *state;
    open_listener(s);
    scene_open(s);
    send_key(s, 7, KEY_A, true);
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    // What a program draws in answer carries the input's number.
    rig_fill(&s->rig, 0xff0000, 10, 10, 8, 12);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.input, 7);
    send_key(s, 8, KEY_A, false);
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
}

static void repeated_presses_are_ignored(void **state)
{
    struct scene *s = *state;
    open_listener(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTSHIFT, true); // does not repeat by itself
    send_key(s, 2, KEY_LEFTSHIFT, true);
    send_key(s, 3, KEY_B, false); // was never down
    send_key(s, 4, KEY_LEFTSHIFT, false);
    send_key(s, 5, KEY_LEFTSHIFT, false);
    send_key(s, 6, KEY_F1, true);
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTSHIFT));
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_F1));
}

static void pointer_is_clamped(void **state)
{
    struct scene *s = *state;
    open_listener(s);
    scene_open(s);
    send_pointer(s, WIRE_BUTTON, 1, 321, 123, 3, 1);
    xcb_key_press_event_t press = next_event(s);
    assert_int_equal(press.response_type & 0x7f, XCB_BUTTON_PRESS);
    assert_int_equal(press.detail, 3);
    assert_int_equal(press.root_x, 321);
    assert_int_equal(press.root_y, 123);
    send_pointer(s, WIRE_POINTER, 2, 65535, 40000, 0, 0);
    send_pointer(s, WIRE_BUTTON, 3, 65535, 65535, 3, 0);
    xcb_key_press_event_t release = next_event(s);
    assert_int_equal(release.response_type & 0x7f, XCB_BUTTON_RELEASE);
    assert_int_equal(release.root_x, SCENE_WIDTH - 1);
    assert_int_equal(release.root_y, SCENE_HEIGHT - 1);
}

static void wheel_turns_into_clicks(void **state)
{
    struct scene *s = *state;
    open_listener(s);
    scene_open(s);
    for (uint32_t i = 0; i < 4; i++)
        send_pointer(s, WIRE_WHEEL, i + 1, 5, 5, 0, 30); // one notch in four parts
    expect(s, XCB_BUTTON_PRESS, 5);
    expect(s, XCB_BUTTON_RELEASE, 5);
    send_pointer(s, WIRE_WHEEL, 5, 5, 5, 0, -240);
    for (int i = 0; i < 2; i++) {
        expect(s, XCB_BUTTON_PRESS, 4);
        expect(s, XCB_BUTTON_RELEASE, 4);
    }
    send_pointer(s, WIRE_WHEEL, 6, 5, 5, 32767, 0); // bounded
    for (int i = 0; i < WHEEL_CLICKS_MAX; i++) {
        expect(s, XCB_BUTTON_PRESS, 7);
        expect(s, XCB_BUTTON_RELEASE, 7);
    }
    send_key(s, 7, KEY_F2, true);
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_F2));
}

static void text_is_typed(void **state)
{
    struct scene *s = *state;
    open_listener(s);
    scene_open(s);
    send_text(s, 1, 'a');
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
    send_text(s, 2, 'A');
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTSHIFT));
    // A held Shift does not change what is typed.
    send_key(s, 3, KEY_RIGHTSHIFT, true);
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_RIGHTSHIFT));
    send_text(s, 4, '1');
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_RIGHTSHIFT));
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_1));
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_1));
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_RIGHTSHIFT));
}

static uint32_t keysym_of(struct scene *s, uint8_t keycode)
{
    AUTO_FREE xcb_get_keyboard_mapping_reply_t *reply = xcb_get_keyboard_mapping_reply(
        s->rig.drawer, xcb_get_keyboard_mapping(s->rig.drawer, keycode, 1), NULL);
    assert_non_null(reply);
    return xcb_get_keyboard_mapping_keysyms(reply)[0];
}

static void any_character_is_typed_in_order(void **state)
{
    struct scene *s = *state;
    open_listener(s);
    scene_open(s);
    // More of them than there are spare keys, twice each, with a key of the map between.
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t character = 0x4e00 + i / 2;
        send_text(s, 2 * i + 1, character);
        send_text(s, 2 * i + 2, 'x');
        xcb_key_press_event_t press = next_event(s);
        assert_int_equal(press.response_type & 0x7f, XCB_KEY_PRESS);
        assert_int_equal(keysym_of(s, press.detail), 0x01000000 | character);
        expect(s, XCB_KEY_RELEASE, press.detail);
        expect(s, XCB_KEY_PRESS, KEYCODE(KEY_X));
        expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_X));
    }
}

static void hold_some(struct scene *s)
{
    open_listener(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTCTRL, true);
    send_key(s, 2, KEY_X, true);
    send_pointer(s, WIRE_BUTTON, 3, 50, 50, 1, 1);
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTCTRL));
    expect(s, XCB_KEY_PRESS, KEYCODE(KEY_X));
    expect(s, XCB_BUTTON_PRESS, 1);
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
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTCTRL));
    expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_X));
    expect(s, XCB_BUTTON_RELEASE, 1);
    check_released(s);
}

static void watchers_may_only_watch(void **state)
{
    struct scene *s = *state;
    s->rig.start.view_only = 1;
    open_listener(s);
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
