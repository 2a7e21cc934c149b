#include "streaming/typing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/xcbext.h>
#include <xcb/xtest.h>

#include "lib/cleanup.h"
#include "streaming/keysyms.h"

// What a symbol asks of the modifiers.
struct wish {
    bool shift, level3;
    bool any_shift;   // Shift and AltGr stay as they are
    bool keep_others; // so do Control, Alt and Super
};

static void request_map(struct typing *t)
{
    const struct xsetup *setup = &t->display->setup;
    uint8_t count = (uint8_t)(setup->keycode_max - setup->keycode_min + 1);
    t->sequence = xcb_get_keyboard_mapping(t->display->connection, setup->keycode_min, count).sequence;
    t->requested = true;
    t->stale = false;
}

static int take_map(struct typing *t, const xcb_get_keyboard_mapping_reply_t *reply)
{
    const struct xsetup *setup = &t->display->setup;
    unsigned count = (unsigned)(setup->keycode_max - setup->keycode_min + 1);
    if (!reply)
        return -EPROTO;
    return keymap_read(&t->map, xcb_get_keyboard_mapping_keysyms(reply), reply->length,
                       reply->keysyms_per_keycode, setup->keycode_min, count);
}

int typing_init(struct typing *t, struct display *display)
{
    *t = (struct typing){.display = display};
    int error = keyboard_init(&t->keyboard, display);
    if (error)
        return error;
    request_map(t);
    xcb_get_keyboard_mapping_cookie_t cookie = {.sequence = t->sequence};
    AUTO_FREE xcb_get_keyboard_mapping_reply_t *reply =
        xcb_get_keyboard_mapping_reply(display->connection, cookie, NULL);
    t->requested = false;
    return take_map(t, reply);
}

int typing_refresh(struct typing *t)
{
    if (keyboard_advance(&t->keyboard))
        t->stale = true;
    if (t->requested) {
        void *reply_pointer = NULL;
        AUTO_FREE xcb_generic_error_t *error = NULL;
        if (!xcb_poll_for_reply(t->display->connection, t->sequence, &reply_pointer, &error))
            return 0;
        AUTO_FREE xcb_get_keyboard_mapping_reply_t *reply = reply_pointer;
        t->requested = false;
        int failure = take_map(t, reply);
        if (failure)
            return failure;
    }
    if (t->stale)
        request_map(t);
    if (!t->keyboard.loading && !t->requested)
        t->settle_us = 0;
    return 0;
}

static void fake(struct typing *t, uint8_t type, uint8_t keycode)
{
    xcb_test_fake_input(t->display->connection, type, keycode, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
}

// Whether a held key is a modifier that the symbol must not have. ret_has: it is one that the symbol needs.
static bool disturbs(const struct typing *t, unsigned keycode, const struct wish *wish, struct wish *ret_has)
{
    uint32_t keysym = t->map.keysyms[0][keycode][0];
    if (keysym == KEYSYM_SHIFT_LEFT || keysym == KEYSYM_SHIFT_RIGHT) {
        ret_has->shift = true;
        return !wish->any_shift && !wish->shift;
    }
    if (keysym == KEYSYM_LEVEL3_SHIFT) {
        ret_has->level3 = true;
        return !wish->any_shift && !wish->level3;
    }
    bool lock = keysym == KEYSYM_CAPS_LOCK || keysym == KEYSYM_SHIFT_LOCK;
    return keysym >= KEYSYM_MODIFIER_FIRST && keysym <= KEYSYM_MODIFIER_LAST && !lock && !wish->keep_others;
}

// Presses the key and, unless it can be held as the modifiers are, releases it at once with the modifiers put back. Returns the key code when
// it is down.
static uint8_t press(struct typing *t, uint8_t keycode, const struct wish *wish, bool tap)
{
    uint8_t lifted[256] = {0};
    struct wish has = {0};
    bool disturbed = false;
    for (unsigned i = 0; i < 256; i++) {
        if (t->held[i] && i != keycode && disturbs(t, i, wish, &has)) {
            lifted[i] = 1;
            disturbed = true;
        }
    }
    bool add_shift = wish->shift && !has.shift && !wish->any_shift;
    bool add_level3 = wish->level3 && !has.level3 && !wish->any_shift;
    if (t->held[keycode])
        fake(t, XCB_KEY_RELEASE, keycode);
    for (unsigned i = 0; i < 256; i++) {
        if (lifted[i])
            fake(t, XCB_KEY_RELEASE, (uint8_t)i);
    }
    if (add_level3)
        fake(t, XCB_KEY_PRESS, t->map.level3);
    if (add_shift)
        fake(t, XCB_KEY_PRESS, t->map.shift);
    fake(t, XCB_KEY_PRESS, keycode);
    t->held[keycode] = !(tap || disturbed || add_shift || add_level3);
    if (t->held[keycode])
        return keycode;
    fake(t, XCB_KEY_RELEASE, keycode);
    if (add_shift)
        fake(t, XCB_KEY_RELEASE, t->map.shift);
    if (add_level3)
        fake(t, XCB_KEY_RELEASE, t->map.level3);
    for (unsigned i = 0; i < 256; i++) {
        if (lifted[i])
            fake(t, XCB_KEY_PRESS, (uint8_t)i);
    }
    return 0;
}

void typing_load(struct typing *t, const char layout[static WIRE_LAYOUT_NAME],
                 const char variant[static WIRE_VARIANT_NAME], uint64_t now_us)
{
    keyboard_load(&t->keyboard, layout, variant);
    t->settle_us = now_us + TYPING_LOAD_US;
}

uint64_t typing_waits(const struct typing *t)
{
    return t->waiting != 0 ? t->press_us : t->settle_us;
}

void typing_advance(struct typing *t, uint64_t now_us)
{
    if (now_us >= t->settle_us)
        t->settle_us = 0;
    if (t->waiting == 0 || now_us < t->press_us)
        return;
    uint8_t keycode = t->waiting;
    t->waiting = 0;
    t->held[keycode] = 0;
    // A lent key has its character on all levels.
    press(t, keycode, &(struct wish){.any_shift = true}, t->waiting_tap);
}

void typing_cancel(struct typing *t)
{
    t->waiting = 0;
}

// Lends the spare key that has rested longest.
static uint8_t lend_key(struct typing *t, const struct typing_symbol *symbol, uint64_t now_us)
{
    uint8_t oldest = 0;
    for (size_t i = 0; i < t->map.spare_count; i++) {
        uint8_t keycode = t->map.spares[i];
        if (!t->held[keycode] && (oldest == 0 || t->used_us[keycode] < t->used_us[oldest]))
            oldest = keycode;
    }
    if (oldest == 0) {
        t->dropped++;
        return 0;
    }
    uint32_t keysym = keysym_of(symbol->character);
    uint32_t levels[2] = {keysym, keysym};
    xcb_change_keyboard_mapping(t->display->connection, 1, oldest, 2, levels);
    for (unsigned group = 0; group < 2; group++)
        memcpy(t->map.keysyms[group][oldest], levels, sizeof(levels));
    t->used_us[oldest] = now_us;
    t->waiting = oldest;
    t->waiting_tap = symbol->place == 0;
    t->press_us = now_us + TYPING_SETTLE_US;
    if (t->waiting_tap)
        return 0;
    t->held[oldest] = 1; // it will be
    return oldest;
}

static bool is_ascii_letter(uint32_t character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

// A shortcut: the letter counts, its case is the Shift key's. What no key has goes by its place.
static uint8_t press_shortcut(struct typing *t, const struct typing_symbol *symbol)
{
    struct keymap_use use;
    struct wish wish = {.keep_others = true};
    bool letter = is_ascii_letter(symbol->character);
    uint32_t character = letter ? symbol->character | 0x20 : symbol->character;
    struct keymap_locks locks = t->keyboard.locks;
    locks.caps = false;
    if (keymap_find(&t->map, &locks, character, symbol->place, &use)) {
        wish.shift = use.shift;
        wish.level3 = use.level3;
        wish.any_shift = letter && !use.shift && !use.level3;
    } else if (symbol->place != 0) {
        use.keycode = symbol->place;
        wish.any_shift = true;
    } else {
        t->dropped++;
        return 0;
    }
    return press(t, use.keycode, &wish, symbol->place == 0);
}

uint8_t typing_press(struct typing *t, const struct typing_symbol *symbol, uint64_t now_us)
{
    if (symbol->shortcut)
        return press_shortcut(t, symbol);
    struct keymap_use use;
    if (!keymap_find(&t->map, &t->keyboard.locks, symbol->character, symbol->place, &use))
        return lend_key(t, symbol, now_us);
    struct wish wish = {.shift = use.shift, .level3 = use.level3};
    return press(t, use.keycode, &wish, symbol->place == 0);
}
