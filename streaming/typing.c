#include "streaming/typing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/xcbext.h>
#include <xcb/xtest.h>

#include "lib/cleanup.h"

#define KEYSYM_SHIFT_LEFT 0xffe1u
#define KEYSYM_SHIFT_RIGHT 0xffe2u
#define KEYSYM_UNICODE 0x01000000u // X11 protocol, appendix A: Unicode keysyms

// No symbol at all, or one that a streamer has lent: the same Unicode symbol with and without Shift, which no layout has.
static bool is_spare(const uint32_t *key, unsigned per_key)
{
    if (per_key > 1 && key[0] == key[1] && (key[0] & 0xff000000u) == KEYSYM_UNICODE)
        return true;
    for (unsigned i = 0; i < per_key; i++) {
        if (key[i] != 0)
            return false;
    }
    return true;
}

int typing_read_map(struct typing *t, const uint32_t *keysyms, size_t total, unsigned per_key, unsigned first,
                    unsigned count)
{
    if (per_key == 0 || first + count > 256 || (size_t)count * per_key > total)
        return -EPROTO;
    memset(t->keysyms, 0, sizeof(t->keysyms));
    t->shift = 0;
    t->spare_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const uint32_t *key = keysyms + (size_t)i * per_key;
        t->keysyms[first + i][0] = key[0];
        t->keysyms[first + i][1] = per_key > 1 ? key[1] : 0;
        if (key[0] == KEYSYM_SHIFT_LEFT)
            t->shift = (uint8_t)(first + i);
        if (is_spare(key, per_key) && t->spare_count < TYPING_SPARES_MAX)
            t->spares[t->spare_count++].keycode =
                (uint8_t)(first + i); // used_us of its place stays: near enough
    }
    return 0;
}

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
    return typing_read_map(t, xcb_get_keyboard_mapping_keysyms(reply), reply->length,
                           reply->keysyms_per_keycode, setup->keycode_min, count);
}

int typing_init(struct typing *t, struct display *display)
{
    *t = (struct typing){.display = display};
    request_map(t);
    xcb_get_keyboard_mapping_cookie_t cookie = {.sequence = t->sequence};
    AUTO_FREE xcb_get_keyboard_mapping_reply_t *reply =
        xcb_get_keyboard_mapping_reply(display->connection, cookie, NULL);
    t->requested = false;
    return take_map(t, reply);
}

int typing_refresh(struct typing *t)
{
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
    return 0;
}

static uint32_t keysym_of(uint32_t character)
{
    // Latin-1 characters are their own keysyms.
    return character < 0x100 ? character : KEYSYM_UNICODE | character;
}

static bool find_key(const struct typing *t, uint32_t keysym, uint8_t *ret_keycode, bool *ret_shifted)
{
    for (unsigned level = 0; level < 2; level++) {
        for (unsigned keycode = 0; keycode < 256; keycode++) {
            if (t->keysyms[keycode][level] == keysym) {
                *ret_keycode = (uint8_t)keycode;
                *ret_shifted = level == 1;
                return true;
            }
        }
    }
    return false;
}

static void fake(struct typing *t, uint8_t type, uint8_t keycode)
{
    xcb_test_fake_input(t->display->connection, type, keycode, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
}

// Shift keys that the browser holds, for the time of one key that must not have it.
static void set_held_shifts(struct typing *t, const uint8_t held[static 256], uint8_t type)
{
    for (unsigned keycode = 0; keycode < 256; keycode++) {
        uint32_t keysym = t->keysyms[keycode][0];
        if (held[keycode] && (keysym == KEYSYM_SHIFT_LEFT || keysym == KEYSYM_SHIFT_RIGHT))
            fake(t, type, (uint8_t)keycode);
    }
}

bool typing_waits(const struct typing *t)
{
    return t->waiting != 0;
}

void typing_advance(struct typing *t, uint64_t now_us)
{
    if (t->waiting == 0 || now_us < t->press_us)
        return;
    fake(t, XCB_KEY_PRESS, t->waiting);
    fake(t, XCB_KEY_RELEASE, t->waiting);
    t->waiting = 0;
}

// Lends the spare key that has rested longest.
static void lend_key(struct typing *t, uint32_t keysym, uint64_t now_us)
{
    struct typing_spare *oldest = NULL;
    for (size_t i = 0; i < t->spare_count; i++) {
        if (!oldest || t->spares[i].used_us < oldest->used_us)
            oldest = &t->spares[i];
    }
    if (!oldest) {
        t->dropped++;
        return;
    }
    uint32_t levels[2] = {keysym, keysym};
    xcb_change_keyboard_mapping(t->display->connection, 1, oldest->keycode, 2, levels);
    memcpy(t->keysyms[oldest->keycode], levels, sizeof(levels));
    oldest->used_us = now_us;
    t->waiting = oldest->keycode;
    t->press_us = now_us + TYPING_SETTLE_US;
}

void typing_type(struct typing *t, uint32_t character, const uint8_t held[static 256], uint64_t now_us)
{
    uint8_t keycode;
    bool shifted;
    if (!find_key(t, keysym_of(character), &keycode, &shifted)) {
        lend_key(t, keysym_of(character), now_us);
        return;
    }
    if (held[keycode] || (shifted && t->shift == 0)) {
        t->dropped++;
        return;
    }
    set_held_shifts(t, held, XCB_KEY_RELEASE);
    if (shifted)
        fake(t, XCB_KEY_PRESS, t->shift);
    fake(t, XCB_KEY_PRESS, keycode);
    fake(t, XCB_KEY_RELEASE, keycode);
    if (shifted)
        fake(t, XCB_KEY_RELEASE, t->shift);
    set_held_shifts(t, held, XCB_KEY_PRESS);
}
