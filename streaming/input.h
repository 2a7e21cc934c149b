#pragma once
// The browser's keys, buttons and wheel, as XTEST events. What is held is remembered, so that it can be let
// go.

#include <stdbool.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/display.h"
#include "streaming/typing.h"

#define WHEEL_CLICKS_MAX 32 // of one message and direction

struct input {
    struct display *display;
    uint8_t held_keys[256]; // by X key code
    uint8_t held_buttons[16];
    int32_t wheel_x, wheel_y; // 1/120 notches not yet turned into clicks
    uint32_t handled;         // the highest input number
    struct typing typing;
};

// Reads the keyboard's map. -EPROTO when the server's answer makes no sense.
int input_init(struct input *in, struct display *display);
// Acts on one input message (key, text, pointer, button, wheel, release all). The caller flushes.
void input_handle(struct input *in, const struct browser_message *message, uint64_t now_us);
void input_release_all(struct input *in);
