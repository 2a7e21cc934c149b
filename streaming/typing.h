#pragma once
// Characters: typed by the key that the keyboard's map has for them, whatever the layout, else by a spare key that is lent to them.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/display.h"
#include "streaming/keyboard.h"
#include "streaming/keymap.h"

// Programs take in a changed map before they see its key: Chromium loses the character otherwise.
#define TYPING_SETTLE_US UINT64_C(12000)
// A layout is compiled in some 20 ms.
#define TYPING_LOAD_US UINT64_C(500000)

struct typing {
    struct display *display;
    struct keymap map;
    struct keyboard keyboard;
    uint8_t held[256];     // by X key code: keys that are down for the browser
    uint64_t used_us[256]; // by X key code: when it was last lent
    uint8_t waiting;       // key code of a lent key that is not pressed yet, or 0
    bool waiting_tap;      // it is released at once
    uint64_t press_us;
    uint64_t settle_us; // the latest end of a layout's loading, or 0
    bool stale;         // the server's map has changed
    bool requested;
    unsigned sequence;
    uint32_t dropped; // characters that could not be typed
};

// A character, and how its key is to be pressed.
struct typing_symbol {
    uint32_t character;
    uint8_t place; // X key code of the key that the browser's user pressed, 0: none
    bool shortcut; // held Control, Alt and Super keys are meant
};

// Reads the map and the locks. -EPROTO when the answers make no sense, -EOPNOTSUPP without XKB.
int typing_init(struct typing *t, struct display *display);
// Types a symbol. Returns the key code of the key that is down for it from now on, which stands in `held`; 0 when it was released at once,
// because it needed other modifiers than are held, or has no place. The caller flushes. A key that had to be lent to the character is
// pressed later, by typing_advance(); until then no other input may be acted on.
uint8_t typing_press(struct typing *t, const struct typing_symbol *symbol, uint64_t now_us);
// Loads another layout; until its map is known, or for TYPING_LOAD_US, no other input may be acted on.
void typing_load(struct typing *t, const char layout[static WIRE_LAYOUT_NAME],
                 const char variant[static WIRE_VARIANT_NAME], uint64_t now_us);
// When to call typing_advance(), while input has to wait; else 0.
uint64_t typing_waits(const struct typing *t);
// Presses the waiting key, or gives a layout up, once it is time.
void typing_advance(struct typing *t, uint64_t now_us);
// Forgets the waiting key.
void typing_cancel(struct typing *t);
// The map has changed: asks for the new one (at most one request at a time), and takes it when it is there. -EPROTO as above.
int typing_refresh(struct typing *t);
