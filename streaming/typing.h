#pragma once
// Text that arrives as Unicode characters (from a phone's keyboard, an input method): typed by the key that
// the keyboard's map has for it.

#include <stdbool.h>
#include <stdint.h>

#include "streaming/display.h"

struct typing {
    struct display *display;
    uint32_t keysyms[256][2]; // by X key code: without and with Shift; 0 is no symbol
    uint8_t shift;            // key code of a Shift key, or 0
    bool stale;               // the server's map has changed
    bool requested;
    unsigned sequence;
    uint32_t dropped; // characters that no key has
};

// Reads the map. -EPROTO when the answer makes no sense.
int typing_init(struct typing *t, struct display *display);
// Presses and releases the character's key; `held` tells the keys that the browser holds down. The caller
// flushes.
void typing_type(struct typing *t, uint32_t character, const uint8_t held[static 256], uint64_t now_us);
// The map has changed: asks for the new one (at most one request at a time), and takes it when it is there.
// -EPROTO as above.
int typing_refresh(struct typing *t);

// Fills the map from a reply: `total` symbols, `per_key` for each key from key code `first` on. -EPROTO when
// that does not fit together.
int typing_read_map(struct typing *t, const uint32_t *keysyms, size_t total, unsigned per_key, unsigned first,
                    unsigned count);
