#pragma once
// A program on the screen that takes keys and buttons, and the browser's input messages.

#include "lib/wire.h"
#include "scene.h"

#define KEYCODE(code) ((code) + 8)

// Maps a window over the whole screen that takes keys and buttons.
void listener_open(struct scene *s);
// Waits for its next key or button event.
xcb_key_press_event_t listener_next(struct scene *s);
void listener_expect(struct scene *s, uint8_t type, uint8_t detail);
// The first symbol of a key in the X server's map.
uint32_t listener_keysym(struct scene *s, uint8_t keycode);

void send_key(struct scene *s, uint32_t input, uint16_t code, bool down);
void send_text(struct scene *s, uint32_t input, uint32_t character);
void send_symbol(struct scene *s, uint32_t input, uint16_t code, bool shortcut, uint32_t character);
// `a` and `b`: a button and whether it is down; the wheel's way.
void send_pointer(struct scene *s, enum wire_kind kind, uint32_t input, uint16_t x, uint16_t y, int a, int b);
// Relative and locks: two 16-bit fields.
void send_words(struct scene *s, enum wire_kind kind, uint32_t input, uint16_t a, uint16_t b);
void send_layout(struct scene *s, uint32_t input, const char *name, const char *variant);
