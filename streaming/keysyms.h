#pragma once
// The symbols on the keys of an X keyboard map, and the characters that they stand for.

#include <stdbool.h>
#include <stdint.h>

#define KEYSYM_UNICODE 0x01000000u // X11 protocol, appendix A: Unicode keysyms
#define KEYSYM_LEVEL3_SHIFT 0xfe03u
#define KEYSYM_SHIFT_LEFT 0xffe1u
#define KEYSYM_SHIFT_RIGHT 0xffe2u
#define KEYSYM_MODIFIER_FIRST 0xffe3u // Control, locks, Meta, Alt, Super, Hyper
#define KEYSYM_MODIFIER_LAST 0xffeeu
#define KEYSYM_CAPS_LOCK 0xffe5u
#define KEYSYM_SHIFT_LOCK 0xffe6u

// The Unicode character of a keysym, 0 when it has none.
uint32_t keysym_character(uint32_t keysym);
// The keysym that every program takes for a character.
uint32_t keysym_of(uint32_t character);
// True for the symbols of the keypad, which Num Lock moves.
bool keysym_is_keypad(uint32_t keysym);
// True for the two cases of one letter, which Caps Lock exchanges.
bool keysym_is_case_pair(uint32_t lower, uint32_t upper);
