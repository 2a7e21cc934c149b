#pragma once
// The browser's keys, buttons and wheel, as XTEST events. What is held is remembered, so that it can be let
// go.

#include <stdbool.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/display.h"
#include "streaming/typing.h"

#define WHEEL_CLICKS_MAX 32 // of one message and direction

struct wheel_axis {
    int32_t rest; // 1/120 notches that the clicks so far are behind; negative the other way, or ahead
    int8_t way;   // of the last click; 0: none yet
};

struct pointer_place {
    uint16_t x, y;
    bool known;
};

struct input {
    struct display *display;
    struct pointer_place place; // where the viewer has put the pointer; not known when it went there by steps
    uint64_t moved_us;          // when it last did; 0: never
    uint8_t down[256];          // by the browser's key code: the X key code that is down for it, or 0
    uint8_t held_buttons[16];
    struct wheel_axis wheel_x, wheel_y;
    uint64_t wheel_us; // when it was last turned
    uint32_t handled;  // the highest input number
    struct typing typing;
};

// Reads the keyboard's map. -EPROTO when the server's answer makes no sense. `alone`: nobody else has keys or buttons down by right; what is
// down was left so by a streamer that was killed, and is released.
int input_init(struct input *in, struct display *display, bool alone);
// Takes an event of the X server; those of others are left alone.
void input_event(struct input *in, const xcb_generic_event_t *event);
// Acts on one input message. The caller flushes.
void input_handle(struct input *in, const struct browser_message *message, uint64_t now_us);
void input_release_all(struct input *in);
