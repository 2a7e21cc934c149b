// Characters, locks and layouts: what the X server's clients see of a browser's keyboard.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "lib/cleanup.h"
#include "listener.h"

#define LEVEL3_CODE 84 // <LVL3> of xkeyboard-config

static void expect_tap(struct scene *s, uint8_t keycode)
{
    listener_expect(s, XCB_KEY_PRESS, keycode);
    listener_expect(s, XCB_KEY_RELEASE, keycode);
}

static void a_symbol_at_its_place_is_that_key(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_symbol(s, 1, KEY_LEFTSHIFT, false, 'x'); // whatever key it came from
    send_symbol(s, 2, KEY_A, false, 'a');
    send_symbol(s, 3, KEY_A, false, 'a'); // the browser's repeat of a key that is down
    send_key(s, 4, KEY_A, false);
    send_key(s, 5, KEY_LEFTSHIFT, false);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_X));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_A));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_X));
}

static void a_symbol_of_another_key_is_held_there(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_symbol(s, 1, KEY_Y, false, 'z'); // a German keyboard on a US desktop
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_Z));
    assert_true(rig_key_is_down(&s->rig, KEYCODE(KEY_Z)));
    send_key(s, 2, KEY_Y, false);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_Z));
}

static void a_symbol_gets_the_modifiers_it_needs(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_RIGHTSHIFT, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_RIGHTSHIFT));
    for (uint32_t i = 0; i < 2; i++) { // with its repeat: Shift+7 of a German keyboard
        send_symbol(s, 2 + i, KEY_7, false, '/');
        listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_RIGHTSHIFT));
        expect_tap(s, KEYCODE(KEY_SLASH));
        listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_RIGHTSHIFT));
    }
    send_key(s, 4, KEY_7, false); // was released already
    send_key(s, 5, KEY_RIGHTSHIFT, false);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_RIGHTSHIFT));
    send_symbol(s, 6, KEY_BACKSLASH, false, '#');
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    expect_tap(s, KEYCODE(KEY_3));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTSHIFT));
}

static void a_symbol_of_no_key_is_lent_one(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_symbol(s, 1, KEY_SEMICOLON, false, 0xf6);
    xcb_key_press_event_t press = listener_next(s);
    assert_int_equal(press.response_type & 0x7f, XCB_KEY_PRESS);
    assert_int_equal(listener_keysym(s, press.detail), 0xf6);
    assert_true(rig_key_is_down(&s->rig, press.detail)); // so that it repeats
    send_symbol(s, 2, KEY_APOSTROPHE, false, 0xe4);
    xcb_key_press_event_t other = listener_next(s);
    assert_int_not_equal(other.detail, press.detail); // not the one that is down
    send_key(s, 3, KEY_SEMICOLON, false);
    listener_expect(s, XCB_KEY_RELEASE, press.detail);
    send_key(s, 4, KEY_APOSTROPHE, false);
    listener_expect(s, XCB_KEY_RELEASE, other.detail);
}

static void latin_letters_do_not_use_up_the_spare_keys(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    for (uint32_t character = 0xc0; character <= 0xff; character++) {
        send_text(s, character, character);
        xcb_key_press_event_t press = listener_next(s);
        assert_int_equal(listener_keysym(s, press.detail), character);
        listener_expect(s, XCB_KEY_RELEASE, press.detail);
    }
}

static void shortcuts_go_by_their_letter(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTCTRL, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTCTRL));
    send_symbol(s, 2, KEY_Y, true, 'z');
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_Z));
    send_key(s, 3, KEY_Y, false);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_Z));
    send_symbol(s, 4, KEY_C, true, 0x441); // a Russian keyboard: no key has it, the place has Ctrl+C
    send_key(s, 5, KEY_C, false);
    expect_tap(s, KEYCODE(KEY_C));
    send_symbol(s, 6, KEY_RIGHTBRACE, true, '+');
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    xcb_key_press_event_t plus = listener_next(s);
    assert_int_equal(plus.detail, KEYCODE(KEY_EQUAL));
    assert_int_equal(plus.state & 0xff, XCB_MOD_MASK_CONTROL | XCB_MOD_MASK_SHIFT);
}

static void text_is_free_of_held_modifiers(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTALT, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTALT));
    send_symbol(s, 2, KEY_L, false, '@'); // Option+L of a Mac
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTALT));
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    xcb_key_press_event_t at = listener_next(s);
    assert_int_equal(at.detail, KEYCODE(KEY_2));
    assert_int_equal(at.state & 0xff, XCB_MOD_MASK_SHIFT);
}

static unsigned modifiers(struct scene *s)
{
    AUTO_FREE xcb_query_pointer_reply_t *reply =
        xcb_query_pointer_reply(s->rig.drawer, xcb_query_pointer(s->rig.drawer, s->rig.screen->root), NULL);
    assert_non_null(reply);
    return reply->mask & 0xff;
}

static void locks_follow_the_browser(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_words(s, WIRE_LOCKS, 1, 0x0101, 0);
    send_symbol(s, 2, KEY_A, false, 'A');
    xcb_key_press_event_t press = listener_next(s);
    assert_int_equal(press.detail, KEYCODE(KEY_A)); // without Shift
    assert_int_equal(press.state & 0xff, XCB_MOD_MASK_LOCK | XCB_MOD_MASK_2);
    send_key(s, 3, KEY_A, false);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_A));
    send_symbol(s, 4, KEY_KP7, false, '7');
    send_key(s, 5, KEY_KP7, false);
    expect_tap(s, KEYCODE(KEY_KP7));
    send_words(s, WIRE_LOCKS, 6, 0x0000, 0);
    send_symbol(s, 7, KEY_A, false, 'A');
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTSHIFT));
    expect_tap(s, KEYCODE(KEY_A));
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTSHIFT));
    assert_int_equal(modifiers(s), 0);
}

// The desktop's own Caps Lock key, pressed by a program or another viewer.
static void locks_of_the_desktop_are_known(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_CAPSLOCK, true);
    send_key(s, 2, KEY_CAPSLOCK, false);
    expect_tap(s, KEYCODE(KEY_CAPSLOCK));
    rig_fill(&s->rig, 0x123456, 10, 10, 8,
             12); // the streamer has read the X server's events when it shows this
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    send_symbol(s, 3, KEY_A, false, 'A');
    send_key(s, 4, KEY_A, false);
    expect_tap(s, KEYCODE(KEY_A));
}

static void expect_rules(struct scene *s, const char *rules, size_t length)
{
    xcb_connection_t *c = s->rig.drawer;
    AUTO_FREE xcb_intern_atom_reply_t *atom =
        xcb_intern_atom_reply(c, xcb_intern_atom(c, 0, 16, "_XKB_RULES_NAMES"), NULL);
    assert_non_null(atom);
    AUTO_FREE xcb_get_property_reply_t *property = xcb_get_property_reply(
        c, xcb_get_property(c, 0, s->rig.screen->root, atom->atom, XCB_ATOM_STRING, 0, 64), NULL);
    assert_non_null(property);
    assert_int_equal(xcb_get_property_value_length(property), length);
    assert_memory_equal(xcb_get_property_value(property), rules, length);
}

static void a_layout_is_loaded(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTCTRL, true);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTCTRL));
    send_layout(s, 2, "de", "nodeadkeys");
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_LEFTCTRL)); // nothing stays down in the old map
    send_symbol(s, 3, KEY_SEMICOLON, false, 0xf6);              // waits for the new map
    send_key(s, 4, KEY_SEMICOLON, false);
    expect_tap(s, KEYCODE(KEY_SEMICOLON));
    send_key(s, 5, LEVEL3_CODE, true);
    send_symbol(s, 6, KEY_Q, false, '@');
    send_key(s, 7, KEY_Q, false);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(LEVEL3_CODE));
    xcb_key_press_event_t at = listener_next(s);
    assert_int_equal(at.detail, KEYCODE(KEY_Q));
    assert_int_equal(at.state & 0xff, XCB_MOD_MASK_5);
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(KEY_Q));
    send_layout(s, 8, "nosuch", "");
    listener_expect(s, XCB_KEY_RELEASE, KEYCODE(LEVEL3_CODE));
    send_text(s, 9, 'z');
    expect_tap(s, KEYCODE(KEY_Y));
    static const char german[] = "evdev\0pc105\0de\0nodeadkeys\0";
    expect_rules(s, german, sizeof(german));
    send_layout(s, 10, "ru", "");
    send_symbol(s, 11, KEY_C, false, 0x441); // Cyrillic es
    send_key(s, 12, KEY_C, false);
    expect_tap(s, KEYCODE(KEY_C));
}

static void the_pointer_moves_by_steps(void **state)
{
    struct scene *s = *state;
    listener_open(s);
    scene_open(s);
    send_pointer(s, WIRE_POINTER, 1, 100, 100, 0, 0);
    for (uint32_t i = 0; i < 20; i++)
        send_words(s, WIRE_RELATIVE, 2 + i, 3, (uint16_t)-2);
    send_words(s, WIRE_RELATIVE, 22, 100, 40); // a fast one is not accelerated either
    send_pointer(s, WIRE_BUTTON, 23, WIRE_POINTER_HERE, WIRE_POINTER_HERE, 1, 1);
    xcb_key_press_event_t press = listener_next(s);
    assert_int_equal(press.response_type & 0x7f, XCB_BUTTON_PRESS);
    assert_int_equal(press.root_x, 260);
    assert_int_equal(press.root_y, 100);
}

static void kill_while_holding(struct scene *s)
{
    listener_open(s);
    scene_open(s);
    send_key(s, 1, KEY_LEFTCTRL, true);
    send_pointer(s, WIRE_BUTTON, 2, 50, 50, 1, 1);
    listener_expect(s, XCB_KEY_PRESS, KEYCODE(KEY_LEFTCTRL));
    listener_expect(s, XCB_BUTTON_PRESS, 1);
    kill(s->rig.streamer, SIGKILL);
    assert_true(WIFSIGNALED(rig_wait(&s->rig)));
    scene_part(s);
    assert_true(rig_key_is_down(&s->rig, KEYCODE(KEY_LEFTCTRL)));
}

static void what_a_killed_streamer_held_is_released(void **state)
{
    struct scene *s = *state;
    kill_while_holding(s);
    s->rig.start.alone = 1;
    scene_open(s);
    assert_false(rig_key_is_down(&s->rig, KEYCODE(KEY_LEFTCTRL)));
    assert_false(rig_button_is_down(&s->rig, 1));
}

static void what_another_viewer_holds_stays(void **state)
{
    struct scene *s = *state;
    kill_while_holding(s);
    s->rig.start.alone = 0;
    scene_open(s);
    assert_true(rig_key_is_down(&s->rig, KEYCODE(KEY_LEFTCTRL)));
    assert_true(rig_button_is_down(&s->rig, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_symbol_at_its_place_is_that_key, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_symbol_of_another_key_is_held_there, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_symbol_gets_the_modifiers_it_needs, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_symbol_of_no_key_is_lent_one, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(latin_letters_do_not_use_up_the_spare_keys, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(shortcuts_go_by_their_letter, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(text_is_free_of_held_modifiers, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(locks_follow_the_browser, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(locks_of_the_desktop_are_known, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_layout_is_loaded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(the_pointer_moves_by_steps, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(what_a_killed_streamer_held_is_released, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(what_another_viewer_holds_stays, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
