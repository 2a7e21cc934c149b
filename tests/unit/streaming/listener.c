#include "listener.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"

void listener_open(struct scene *s)
{
    xcb_connection_t *c = s->rig.drawer;
    uint32_t window = xcb_generate_id(c);
    uint32_t values[] = {1, XCB_EVENT_MASK_KEY_PRESS | XCB_EVENT_MASK_KEY_RELEASE |
                                XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE};
    xcb_create_window(c, XCB_COPY_FROM_PARENT, window, s->rig.screen->root, 0, 0, SCENE_WIDTH, SCENE_HEIGHT,
                      0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
                      XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
    xcb_map_window(c, window);
    xcb_set_input_focus(c, XCB_INPUT_FOCUS_POINTER_ROOT, XCB_INPUT_FOCUS_POINTER_ROOT, XCB_CURRENT_TIME);
    rig_synchronise(&s->rig);
}

xcb_key_press_event_t listener_next(struct scene *s)
{
    for (;;) {
        AUTO_FREE xcb_generic_event_t *event = xcb_poll_for_event(s->rig.drawer);
        if (event && (event->response_type & 0x7f) >= XCB_KEY_PRESS &&
            (event->response_type & 0x7f) <= XCB_BUTTON_RELEASE)
            return *(xcb_key_press_event_t *)event;
        if (event)
            continue;
        struct pollfd ready = {.fd = xcb_get_file_descriptor(s->rig.drawer), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, RIG_PATIENCE_MS), 1);
    }
}

void listener_expect(struct scene *s, uint8_t type, uint8_t detail)
{
    xcb_key_press_event_t event = listener_next(s);
    assert_int_equal(event.response_type & 0x7f, type);
    assert_int_equal(event.detail, detail);
}

void send_key(struct scene *s, uint32_t input, uint16_t code, bool down)
{
    uint8_t message[12];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_KEY);
    write_u32(&w, input);
    write_u16(&w, code);
    write_u8(&w, down);
    write_u8(&w, 0);
    rig_send(&s->rig, message, w.length);
}

void send_pointer(struct scene *s, enum wire_kind kind, uint32_t input, uint16_t x, uint16_t y, int a, int b)
{
    uint8_t message[16];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, kind);
    write_u32(&w, input);
    write_u16(&w, x);
    write_u16(&w, y);
    if (kind == WIRE_BUTTON) {
        write_u8(&w, (uint8_t)a);
        write_u8(&w, (uint8_t)b);
        write_u16(&w, 0);
    } else if (kind == WIRE_WHEEL) {
        write_u16(&w, (uint16_t)a);
        write_u16(&w, (uint16_t)b);
    }
    rig_send(&s->rig, message, w.length);
}

void send_text(struct scene *s, uint32_t input, uint32_t character)
{
    uint8_t message[12];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_TEXT);
    write_u32(&w, input);
    write_u32(&w, character);
    rig_send(&s->rig, message, w.length);
}

uint32_t listener_keysym(struct scene *s, uint8_t keycode)
{
    AUTO_FREE xcb_get_keyboard_mapping_reply_t *reply = xcb_get_keyboard_mapping_reply(
        s->rig.drawer, xcb_get_keyboard_mapping(s->rig.drawer, keycode, 1), NULL);
    assert_non_null(reply);
    return xcb_get_keyboard_mapping_keysyms(reply)[0];
}

void send_symbol(struct scene *s, uint32_t input, uint16_t code, bool shortcut, uint32_t character)
{
    uint8_t message[16];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_SYMBOL);
    write_u32(&w, input);
    write_u16(&w, code);
    write_u8(&w, shortcut);
    write_u8(&w, 0);
    write_u32(&w, character);
    rig_send(&s->rig, message, w.length);
}

void send_words(struct scene *s, enum wire_kind kind, uint32_t input, uint16_t a, uint16_t b)
{
    uint8_t message[12];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, kind);
    write_u32(&w, input);
    write_u16(&w, a);
    write_u16(&w, b);
    rig_send(&s->rig, message, w.length);
}

void send_layout(struct scene *s, uint32_t input, const char *name, const char *variant)
{
    char message[56] = {(char)WIRE_LAYOUT, 0, 0, 0, (char)input};
    memcpy(message + 8, name, strlen(name));
    memcpy(message + 24, variant, strlen(variant));
    rig_send(&s->rig, message, sizeof(message));
}
