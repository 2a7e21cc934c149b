#include "streaming/keyboard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <xcb/xcbext.h>
#include <xcb/xkb.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"

#define CAPS_LOCK XCB_MOD_MASK_LOCK
#define NUM_LOCK XCB_MOD_MASK_2 // in every map of xkeyboard-config
#define RULES_PROPERTY "_XKB_RULES_NAMES"
// Types, compatibility map, symbols of both sides, indicators, key names, other names; no geometry (XKB protocol, section 16.3.12).
#define COMPONENTS 0xbfu
// The layouts that have no Latin letters keep the usual ones in a second group: programs look there for Ctrl+C.
#define LATIN_SECOND "+us:2"

static const char *const without_latin[] = {"ara", "am", "bd", "bg", "by", "ge", "gr", "il", "in",
                                            "ir",  "kg", "kh", "kz", "la", "lk", "me", "mk", "mm",
                                            "mn",  "np", "pk", "rs", "ru", "sy", "th", "tj", "ua"};

static void take_state(struct keyboard *k, uint8_t locked, uint8_t group)
{
    k->locks = (struct keymap_locks){
        .group = group, .caps = (locked & CAPS_LOCK) != 0, .num = (locked & NUM_LOCK) != 0};
}

static int ask(struct keyboard *k)
{
    xcb_connection_t *c = k->display->connection;
    xcb_xkb_use_extension_cookie_t use = xcb_xkb_use_extension(c, 1, 0);
    xcb_xkb_get_state_cookie_t state = xcb_xkb_get_state(c, XCB_XKB_ID_USE_CORE_KBD);
    xcb_intern_atom_cookie_t atom = xcb_intern_atom(c, 0, sizeof(RULES_PROPERTY) - 1, RULES_PROPERTY);
    const uint16_t state_parts = XCB_XKB_STATE_PART_MODIFIER_LOCK | XCB_XKB_STATE_PART_GROUP_STATE;
    const uint16_t details[] = {XCB_XKB_NKN_DETAIL_KEYCODES, XCB_XKB_NKN_DETAIL_KEYCODES, state_parts,
                                state_parts};
    // A client of XKB is not told of a loaded keymap by the core protocol's event.
    xcb_xkb_select_events(c, XCB_XKB_ID_USE_CORE_KBD,
                          XCB_XKB_EVENT_TYPE_NEW_KEYBOARD_NOTIFY | XCB_XKB_EVENT_TYPE_STATE_NOTIFY, 0, 0, 0,
                          0, details);
    AUTO_FREE xcb_xkb_use_extension_reply_t *use_reply = xcb_xkb_use_extension_reply(c, use, NULL);
    AUTO_FREE xcb_xkb_get_state_reply_t *state_reply = xcb_xkb_get_state_reply(c, state, NULL);
    AUTO_FREE xcb_intern_atom_reply_t *atom_reply = xcb_intern_atom_reply(c, atom, NULL);
    if (!use_reply || !use_reply->supported)
        return -EOPNOTSUPP;
    if (!state_reply || !atom_reply)
        return -EPROTO;
    take_state(k, state_reply->lockedMods, state_reply->group);
    k->rules_atom = atom_reply->atom;
    return 0;
}

int keyboard_init(struct keyboard *k, struct display *display)
{
    *k = (struct keyboard){.display = display};
    const xcb_query_extension_reply_t *extension = xcb_get_extension_data(display->connection, &xcb_xkb_id);
    if (!extension || !extension->present)
        return -EOPNOTSUPP;
    k->event = extension->first_event;
    k->opcode = extension->major_opcode;
    return ask(k);
}

bool keyboard_handle(struct keyboard *k, const xcb_generic_event_t *event)
{
    const xcb_xkb_state_notify_event_t *state = (const xcb_xkb_state_notify_event_t *)event;
    if ((event->response_type & 0x7f) != k->event)
        return false;
    if (state->xkbType == XCB_XKB_STATE_NOTIFY)
        take_state(k, state->lockedMods, state->group);
    return state->xkbType == XCB_XKB_NEW_KEYBOARD_NOTIFY;
}

void keyboard_lock(struct keyboard *k, bool caps, bool num)
{
    if (k->locks.caps == caps && k->locks.num == num)
        return;
    uint8_t locked = (uint8_t)((caps ? CAPS_LOCK : 0) | (num ? NUM_LOCK : 0));
    xcb_xkb_latch_lock_state(k->display->connection, XCB_XKB_ID_USE_CORE_KBD, CAPS_LOCK | NUM_LOCK, locked, 0,
                             0, 0, 0, 0);
    k->locks.caps = caps; // what is typed next may be handled before the server's event
    k->locks.num = num;
}

static const char *second_group(const char *name)
{
    for (size_t i = 0; i < sizeof(without_latin) / sizeof(without_latin[0]); i++) {
        if (strcmp(name, without_latin[i]) == 0)
            return LATIN_SECOND;
    }
    return "";
}

static void write_name(struct writer *w, const char *name)
{
    write_u8(w, (uint8_t)strlen(name));
    write_bytes(w, name, strlen(name));
}

// GetKbdByName with load, as setxkbmap sends it; xcb's own function for it leaves the names out.
static void request_map(struct keyboard *k, const char *symbols)
{
    uint8_t bytes[256];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u32(&w, 23u << 8); // minor opcode; libxcb fills the rest in
    write_u16(&w, XCB_XKB_ID_USE_CORE_KBD);
    write_u16(&w, COMPONENTS); // needed
    write_u16(&w, COMPONENTS); // wanted
    write_u8(&w, 1);           // load
    write_u8(&w, 0);
    write_name(&w, ""); // a whole keymap
    write_name(&w, "evdev+aliases(qwerty)");
    write_name(&w, "complete");
    write_name(&w, "complete");
    write_name(&w, symbols);
    write_name(&w, ""); // geometry
    while (w.length % 4 != 0)
        write_u8(&w, 0);
    struct iovec parts[4] = {[2] = {bytes, w.length}}; // libxcb uses the two before
    const xcb_protocol_request_t request = {.count = 1, .ext = &xcb_xkb_id, .opcode = 23, .isvoid = 0};
    unsigned sequence = xcb_send_request(k->display->connection, 0, parts + 2, &request);
    if (k->loading)
        xcb_discard_reply(k->display->connection, k->sequence);
    k->sequence = sequence;
    k->loading = true;
}

void keyboard_load(struct keyboard *k, const char name[static WIRE_LAYOUT_NAME],
                   const char variant[static WIRE_VARIANT_NAME])
{
    char symbols[128];
    const char *open = variant[0] ? "(" : "";
    const char *close = variant[0] ? ")" : "";
    snprintf(symbols, sizeof(symbols), "pc+%s%s%s%s%s+inet(evdev)", name, open, variant, close,
             second_group(name));
    request_map(k, symbols);
    k->rules_length = (uint32_t)snprintf(k->rules, sizeof(k->rules), "evdev%cpc105%c%s%c%s%c%c", 0, 0, name,
                                         0, variant, 0, 0);
}

bool keyboard_advance(struct keyboard *k)
{
    void *reply_pointer = NULL;
    AUTO_FREE xcb_generic_error_t *error = NULL;
    if (!k->loading || !xcb_poll_for_reply(k->display->connection, k->sequence, &reply_pointer, &error))
        return false;
    AUTO_FREE xcb_xkb_get_kbd_by_name_reply_t *reply = reply_pointer;
    k->loading = false;
    bool loaded = reply && reply->loaded;
    if (loaded)
        xcb_change_property(k->display->connection, XCB_PROP_MODE_REPLACE, k->display->setup.root,
                            k->rules_atom, XCB_ATOM_STRING, 8, k->rules_length, k->rules);
    return loaded;
}
