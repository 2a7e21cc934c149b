#pragma once
// The X server's keyboard map: which key gives which character.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYMAP_LEVELS 4 // plain, Shift, AltGr, both
#define KEYMAP_SPARES_MAX 16u

struct keymap {
    uint32_t keysyms[2][256][KEYMAP_LEVELS]; // by group and X key code; 0 is no symbol
    uint8_t shift, level3;                   // key codes of a Shift and an AltGr key, or 0
    uint8_t spares[KEYMAP_SPARES_MAX];       // keys without a symbol of their own
    size_t spare_count;
};

// What the keyboard is locked to.
struct keymap_locks {
    uint8_t group;
    bool caps, num;
};

// How a character is typed: a key, and which of the two modifiers must be held with it.
struct keymap_use {
    uint8_t keycode;
    bool shift, level3;
};

// Fills the map from a reply: `total` symbols, `per_key` for each key from key code `first` on. -EPROTO when
// that does not fit together; the map is untouched then.
int keymap_read(struct keymap *map, const uint32_t *keysyms, size_t total, unsigned per_key, unsigned first,
                unsigned count);
// Finds a key for the character: the key `place` if it has it, else any but the keypad's. False when none has.
bool keymap_find(const struct keymap *map, const struct keymap_locks *locks, uint32_t character,
                 uint8_t place, struct keymap_use *ret_use);
