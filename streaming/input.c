#include "streaming/input.h"

#include <stdlib.h>
#include <string.h>

#include <xcb/xtest.h>

#include "lib/cleanup.h"

#define KEYCODE_OFFSET 8 // X key codes are Linux input event codes plus 8 (evdev keyboards)
#define NOTCH 120
#define WHEEL_PAUSE_US UINT64_C(1000000)

enum wheel_button { WHEEL_UP = 4, WHEEL_DOWN = 5, WHEEL_LEFT = 6, WHEEL_RIGHT = 7 };

static void fake(struct input *in, uint8_t type, uint8_t detail)
{
    xcb_test_fake_input(in->display->connection, type, detail, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
}

static void move_pointer(struct input *in, uint16_t x, uint16_t y, uint64_t now_us)
{
    const struct xsetup *setup = &in->display->setup;
    x = x < setup->width ? x : (uint16_t)(setup->width - 1);
    y = y < setup->height ? y : (uint16_t)(setup->height - 1);
    in->place = (struct pointer_place){.x = x, .y = y, .known = true};
    in->moved_us = now_us;
    xcb_test_fake_input(in->display->connection, XCB_MOTION_NOTIFY, 0, XCB_CURRENT_TIME, setup->root,
                        (int16_t)x, (int16_t)y, 0);
}

static void move_by(struct input *in, int16_t x, int16_t y, uint64_t now_us)
{
    in->place.known = false;
    in->moved_us = now_us;
    xcb_test_fake_input(in->display->connection, XCB_MOTION_NOTIFY, 1, XCB_CURRENT_TIME, XCB_NONE, x, y, 0);
}

static void point_at(struct input *in, const struct browser_message *message, uint64_t now_us)
{
    // Under a pointer lock the browser does not know where the pointer is.
    if (message->pointer.x != WIRE_POINTER_HERE || message->pointer.y != WIRE_POINTER_HERE)
        move_pointer(in, message->pointer.x, message->pointer.y, now_us);
}

static uint8_t place_of(const struct input *in, uint16_t code)
{
    unsigned keycode = code + KEYCODE_OFFSET;
    const struct xsetup *setup = &in->display->setup;
    bool fits = code != 0 && keycode >= setup->keycode_min && keycode <= setup->keycode_max;
    return fits ? (uint8_t)keycode : 0;
}

// The key codes of the browser that have this key down lose it.
static void take_over(struct input *in, uint8_t keycode)
{
    for (unsigned code = 0; code < sizeof(in->down); code++) {
        if (in->down[code] == keycode)
            in->down[code] = 0;
    }
}

static void handle_key(struct input *in, uint16_t code, bool down)
{
    uint8_t keycode = down ? place_of(in, code) : in->down[code];
    if (keycode == 0 || (down && in->down[code] != 0))
        return;
    in->down[code] = 0;
    if (down) {
        if (in->typing.held[keycode])
            return; // down for another key
        in->down[code] = keycode;
    }
    in->typing.held[keycode] = down;
    fake(in, down ? XCB_KEY_PRESS : XCB_KEY_RELEASE, keycode);
}

// The browser repeats the keys of characters: what is down repeats by itself, what was released at once is typed again.
static void handle_symbol(struct input *in, const struct browser_message *message, uint64_t now_us)
{
    uint16_t code = message->symbol.code;
    if (code != 0 && in->down[code] != 0)
        return;
    struct typing_symbol symbol = {.character = message->symbol.character,
                                   .place = place_of(in, code),
                                   .shortcut = message->symbol.shortcut};
    uint8_t keycode = typing_press(&in->typing, &symbol, now_us);
    if (keycode != 0) {
        take_over(in, keycode);
        in->down[code] = keycode;
    }
}

static void handle_layout(struct input *in, const struct browser_message *message, uint64_t now_us)
{
    input_release_all(in);
    typing_load(&in->typing, message->layout.name, message->layout.variant, now_us);
}

static void handle_button(struct input *in, uint8_t button, bool down)
{
    if (button >= sizeof(in->held_buttons) || in->held_buttons[button] == down)
        return;
    in->held_buttons[button] = down;
    fake(in, down ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, button);
}

// Clicks to the nearest notch: what is scrolled is half of one off at most, and answers after half of one. Back needs a whole one, so that a
// finger that rests on a touchpad doesn't make it go to and fro.
static int32_t take_clicks(struct wheel_axis *axis)
{
    int32_t way = axis->rest < 0 ? -1 : 1, amount = axis->rest * way;
    if (amount < (axis->way == -way ? NOTCH : NOTCH / 2))
        return 0;
    int32_t clicks = way * ((amount + NOTCH / 2) / NOTCH);
    axis->way = (int8_t)way;
    axis->rest -= clicks * NOTCH;
    return clicks;
}

static void turn_wheel(struct input *in, struct wheel_axis *axis, int16_t delta, enum wheel_button back,
                       enum wheel_button forth)
{
    axis->rest += delta;
    int32_t clicks = take_clicks(axis);
    uint8_t button = (uint8_t)(clicks < 0 ? back : forth);
    clicks = clicks < 0 ? -clicks : clicks;
    for (int32_t i = 0; i < clicks && i < WHEEL_CLICKS_MAX; i++) {
        fake(in, XCB_BUTTON_PRESS, button);
        fake(in, XCB_BUTTON_RELEASE, button);
    }
}

static void forget_wheel(struct input *in)
{
    in->wheel_x = in->wheel_y = (struct wheel_axis){0};
}

void input_release_all(struct input *in)
{
    typing_cancel(&in->typing);
    for (unsigned keycode = 0; keycode < sizeof(in->typing.held); keycode++) {
        if (in->typing.held[keycode])
            fake(in, XCB_KEY_RELEASE, (uint8_t)keycode);
        in->typing.held[keycode] = 0;
    }
    memset(in->down, 0, sizeof(in->down));
    for (unsigned button = 0; button < sizeof(in->held_buttons); button++) {
        if (in->held_buttons[button])
            fake(in, XCB_BUTTON_RELEASE, (uint8_t)button);
        in->held_buttons[button] = 0;
    }
    forget_wheel(in);
}

// What a killed streamer has left down.
static int release_orphans(struct input *in)
{
    xcb_connection_t *c = in->display->connection;
    xcb_query_keymap_cookie_t keymap = xcb_query_keymap(c);
    xcb_query_pointer_cookie_t pointer = xcb_query_pointer(c, in->display->setup.root);
    AUTO_FREE xcb_query_keymap_reply_t *keys = xcb_query_keymap_reply(c, keymap, NULL);
    AUTO_FREE xcb_query_pointer_reply_t *buttons = xcb_query_pointer_reply(c, pointer, NULL);
    if (!keys || !buttons)
        return -EPROTO;
    for (unsigned keycode = 0; keycode < 256; keycode++) {
        if (keys->keys[keycode / 8] & (1u << (keycode % 8)))
            fake(in, XCB_KEY_RELEASE, (uint8_t)keycode);
    }
    // The mask has no bits for the buttons above 5; a release of one that is up does nothing.
    static const uint8_t held[] = {1, 2, 3, 8, 9};
    for (size_t i = 0; i < sizeof(held); i++) {
        if (held[i] > 5 || buttons->mask & (XCB_BUTTON_MASK_1 << (held[i] - 1)))
            fake(in, XCB_BUTTON_RELEASE, held[i]);
    }
    return 0;
}

int input_init(struct input *in, struct display *display, bool alone)
{
    *in = (struct input){.display = display};
    int error = typing_init(&in->typing, display);
    return error || !alone ? error : release_orphans(in);
}

void input_event(struct input *in, const xcb_generic_event_t *event)
{
    bool changed = keyboard_handle(&in->typing.keyboard, event);
    if (changed || (event->response_type & 0x7f) == XCB_MAPPING_NOTIFY)
        in->typing.stale = true;
}

void input_handle(struct input *in, const struct browser_message *message, uint64_t now_us)
{
    switch (message->kind) {
    case WIRE_KEY:
        handle_key(in, message->key.code, message->key.down);
        break;
    case WIRE_TEXT:
        typing_press(&in->typing, &(struct typing_symbol){.character = message->text}, now_us);
        break;
    case WIRE_SYMBOL:
        handle_symbol(in, message, now_us);
        break;
    case WIRE_LOCKS:
        keyboard_lock(&in->typing.keyboard, message->locks.caps, message->locks.num);
        break;
    case WIRE_LAYOUT:
        handle_layout(in, message, now_us);
        break;
    case WIRE_RELATIVE:
        move_by(in, message->relative.x, message->relative.y, now_us);
        break;
    case WIRE_POINTER:
        move_pointer(in, message->pointer.x, message->pointer.y, now_us);
        break;
    case WIRE_BUTTON:
        point_at(in, message, now_us);
        handle_button(in, message->pointer.button, message->pointer.down);
        break;
    case WIRE_WHEEL:
        point_at(in, message, now_us);
        if (now_us - in->wheel_us > WHEEL_PAUSE_US)
            forget_wheel(in); // the rest of an earlier movement
        in->wheel_us = now_us;
        turn_wheel(in, &in->wheel_x, message->pointer.horizontal, WHEEL_LEFT, WHEEL_RIGHT);
        turn_wheel(in, &in->wheel_y, message->pointer.vertical, WHEEL_UP, WHEEL_DOWN);
        break;
    case WIRE_RELEASE_ALL:
        input_release_all(in);
        break;
    default:
        return;
    }
    if (message->input > in->handled)
        in->handled = message->input;
}
