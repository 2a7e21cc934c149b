#pragma once
// Text that arrives as Unicode characters (from a phone's keyboard, an input method): typed by the key that
// the keyboard's map has for it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/display.h"

#define TYPING_SPARES_MAX 16u
// Programs take in a changed map before they see its key: Chromium loses the character otherwise.
#define TYPING_SETTLE_US UINT64_C(12000)

// A key without a symbol of its own, lent to a character that no key has.
struct typing_spare {
    uint8_t keycode;
    uint64_t used_us;
};

struct typing {
    struct display *display;
    uint32_t keysyms[256][2]; // by X key code: without and with Shift; 0 is no symbol
    uint8_t shift;            // key code of a Shift key, or 0
    struct typing_spare spares[TYPING_SPARES_MAX];
    size_t spare_count;
    uint8_t waiting; // key code of a lent key that is not pressed yet, or 0
    uint64_t press_us;
    bool stale; // the server's map has changed
    bool requested;
    unsigned sequence;
    uint32_t dropped; // characters that could not be typed
};

// Reads the map. -EPROTO when the answer makes no sense.
int typing_init(struct typing *t, struct display *display);
// Presses and releases the character's key; `held` tells the keys that the browser holds down. The caller flushes. A key that had to
// be lent to the character is pressed later, by typing_advance(); until then no other input may be acted on.
void typing_type(struct typing *t, uint32_t character, const uint8_t held[static 256], uint64_t now_us);
// True while a lent key waits for its press at press_us.
bool typing_waits(const struct typing *t);
// Presses the waiting key once it is time.
void typing_advance(struct typing *t, uint64_t now_us);
// The map has changed: asks for the new one (at most one request at a time), and takes it when it is there. -EPROTO as above.
int typing_refresh(struct typing *t);

// Fills the map from a reply: `total` symbols, `per_key` for each key from key code `first` on. -EPROTO when
// that does not fit together.
int typing_read_map(struct typing *t, const uint32_t *keysyms, size_t total, unsigned per_key, unsigned first,
                    unsigned count);
