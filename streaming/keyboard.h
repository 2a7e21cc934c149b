#pragma once
// The X server's keyboard as the XKB extension has it: its locks, its layout.

#include <stdbool.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/display.h"
#include "streaming/keymap.h"

struct keyboard {
    struct display *display;
    uint8_t event; // of the extension: the first byte of its events
    uint8_t opcode;
    uint32_t rules_atom; // of the root window's property that names the layout
    struct keymap_locks locks;
    // A layout that was asked for, and what the property says once it is there: rules, model, layout, variant, options.
    bool loading;
    unsigned sequence;
    char rules[96];
    uint32_t rules_length;
};

// Asks for the locks, and to be told of their changes. -EOPNOTSUPP without the extension, -EPROTO when its answers make no sense.
int keyboard_init(struct keyboard *k, struct display *display);
// Takes an event of the X server; those of others are left alone. True when another keymap was loaded.
bool keyboard_handle(struct keyboard *k, const xcb_generic_event_t *event);
// Sets Caps Lock and Num Lock. The caller flushes, here and below.
void keyboard_lock(struct keyboard *k, bool caps, bool num);
// Asks for another layout. Nothing changes when the sandbox has none of this name.
void keyboard_load(struct keyboard *k, const char name[static WIRE_LAYOUT_NAME],
                   const char variant[static WIRE_VARIANT_NAME]);
// Takes the answer when it is there, and names the new layout for setxkbmap -query and programs. True when it was loaded.
bool keyboard_advance(struct keyboard *k);
