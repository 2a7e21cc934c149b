#include "streaming/input.h"

#include <xcb/xtest.h>

#define KEYCODE_OFFSET 8 // X key codes are Linux input event codes plus 8 (evdev keyboards)
#define NOTCH 120

enum wheel_button { WHEEL_UP = 4, WHEEL_DOWN = 5, WHEEL_LEFT = 6, WHEEL_RIGHT = 7 };

int input_init(struct input *in, struct display *display)
{
    *in = (struct input){.display = display};
    return typing_init(&in->typing, display);
}

static void fake(struct input *in, uint8_t type, uint8_t detail)
{
    xcb_test_fake_input(in->display->connection, type, detail, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
}

static void move_pointer(struct input *in, uint16_t x, uint16_t y)
{
    const struct xsetup *setup = &in->display->setup;
    x = x < setup->width ? x : (uint16_t)(setup->width - 1);
    y = y < setup->height ? y : (uint16_t)(setup->height - 1);
    xcb_test_fake_input(in->display->connection, XCB_MOTION_NOTIFY, 0, XCB_CURRENT_TIME, setup->root,
                        (int16_t)x, (int16_t)y, 0);
}

static void handle_key(struct input *in, uint16_t code, bool down)
{
    unsigned keycode = code + KEYCODE_OFFSET;
    if (keycode < in->display->setup.keycode_min || keycode > in->display->setup.keycode_max ||
        in->held_keys[keycode] == down)
        return;
    in->held_keys[keycode] = down;
    fake(in, down ? XCB_KEY_PRESS : XCB_KEY_RELEASE, (uint8_t)keycode);
}

static void handle_button(struct input *in, uint8_t button, bool down)
{
    if (button >= sizeof(in->held_buttons) || in->held_buttons[button] == down)
        return;
    in->held_buttons[button] = down;
    fake(in, down ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, button);
}

static void turn_wheel(struct input *in, int32_t *rest, int16_t delta, enum wheel_button back,
                       enum wheel_button forth)
{
    // A change of direction takes effect at once.
    if ((*rest > 0 && delta < 0) || (*rest < 0 && delta > 0))
        *rest = 0;
    *rest += delta;
    int32_t clicks = *rest / NOTCH;
    *rest -= clicks * NOTCH;
    uint8_t button = (uint8_t)(clicks < 0 ? back : forth);
    clicks = clicks < 0 ? -clicks : clicks;
    for (int32_t i = 0; i < clicks && i < WHEEL_CLICKS_MAX; i++) {
        fake(in, XCB_BUTTON_PRESS, button);
        fake(in, XCB_BUTTON_RELEASE, button);
    }
}

void input_release_all(struct input *in)
{
    for (unsigned keycode = 0; keycode < sizeof(in->held_keys); keycode++) {
        if (in->held_keys[keycode])
            fake(in, XCB_KEY_RELEASE, (uint8_t)keycode);
        in->held_keys[keycode] = 0;
    }
    for (unsigned button = 0; button < sizeof(in->held_buttons); button++) {
        if (in->held_buttons[button])
            fake(in, XCB_BUTTON_RELEASE, (uint8_t)button);
        in->held_buttons[button] = 0;
    }
    in->wheel_x = in->wheel_y = 0;
}

void input_handle(struct input *in, const struct browser_message *message, uint64_t now_us)
{
    switch (message->kind) {
    case WIRE_KEY:
        handle_key(in, message->key.code, message->key.down);
        break;
    case WIRE_TEXT:
        typing_type(&in->typing, message->text, in->held_keys, now_us);
        break;
    case WIRE_POINTER:
        move_pointer(in, message->pointer.x, message->pointer.y);
        break;
    case WIRE_BUTTON:
        move_pointer(in, message->pointer.x, message->pointer.y);
        handle_button(in, message->pointer.button, message->pointer.down);
        break;
    case WIRE_WHEEL:
        move_pointer(in, message->pointer.x, message->pointer.y);
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
