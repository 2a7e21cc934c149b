#include "desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

xcb_atom_t desk_atom(struct desk *d, const char *name)
{
    AUTO_FREE xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
        d->scene->rig.drawer, xcb_intern_atom(d->scene->rig.drawer, 0, (uint16_t)strlen(name), name), NULL);
    return reply->atom;
}

void desk_open(struct desk *d, struct scene *s)
{
    *d = (struct desk){.scene = s, .target = "UTF8_STRING", .window = xcb_generate_id(s->rig.drawer)};
    uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    xcb_create_window(s->rig.drawer, 0, d->window, s->rig.screen->root, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_ONLY, 0, XCB_CW_EVENT_MASK, &events);
    d->browser = malloc(CLIPBOARD_MAX);
    scene_open(s);
}

void desk_own(struct desk *d, const void *bytes, size_t length)
{
    d->bytes = bytes;
    d->length = length;
    d->requestor = XCB_NONE;
    xcb_set_selection_owner(d->scene->rig.drawer, d->window, desk_atom(d, "CLIPBOARD"), XCB_CURRENT_TIME);
    xcb_flush(d->scene->rig.drawer);
}

static void answer(struct desk *d, const xcb_selection_request_event_t *r)
{
    xcb_connection_t *x = d->scene->rig.drawer;
    d->requests++;
    xcb_selection_notify_event_t notify = {.response_type = XCB_SELECTION_NOTIFY,
                                           .requestor = r->requestor,
                                           .selection = r->selection,
                                           .target = r->target,
                                           .property = r->property};
    xcb_atom_t target = desk_atom(d, d->target);
    uint32_t length = (uint32_t)d->length;
    if (d->manner == SILENT)
        return;
    if (r->target == desk_atom(d, "TARGETS") && d->manner != NO_TARGETS) {
        uint32_t targets[] = {desk_atom(d, "TARGETS"), target};
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, r->requestor, r->property, XCB_ATOM_ATOM, 32, 2,
                            targets);
    } else if (r->target != target) {
        notify.property = XCB_NONE;
    } else if (d->manner == IN_STEPS || d->manner == ENDLESS || d->manner == DIES) {
        d->requestor = r->requestor;
        d->property = r->property;
        d->given = 0;
        uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
        xcb_change_window_attributes(x, r->requestor, XCB_CW_EVENT_MASK, &events);
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, r->requestor, r->property, desk_atom(d, "INCR"), 32, 1,
                            &length);
    } else {
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, r->requestor, r->property, target, 8, length, d->bytes);
    }
    xcb_send_event(x, 0, r->requestor, 0, (const char *)&notify);
}

static void next_step(struct desk *d)
{
    size_t left = d->length - d->given, part = left < 200000 ? left : 200000;
    if (d->manner == ENDLESS)
        part = 200000;
    if (d->manner == DIES && d->given > 0)
        return;
    xcb_change_property(d->scene->rig.drawer, XCB_PROP_MODE_REPLACE, d->requestor, d->property,
                        desk_atom(d, d->target), 8, (uint32_t)part,
                        d->bytes + (d->manner == ENDLESS ? 0 : d->given));
    d->given += part;
}

static void serve(struct desk *d)
{
    xcb_generic_event_t *event;
    while ((event = xcb_poll_for_event(d->scene->rig.drawer))) {
        const xcb_property_notify_event_t *property = (const void *)event;
        if ((event->response_type & 0x7f) == XCB_SELECTION_REQUEST)
            answer(d, (const void *)event);
        else if ((event->response_type & 0x7f) == XCB_PROPERTY_NOTIFY &&
                 property->state == XCB_PROPERTY_DELETE && property->window == d->requestor)
            next_step(d);
        free(event);
    }
    xcb_flush(d->scene->rig.drawer);
}

void desk_send(struct desk *d, unsigned step, unsigned type, uint32_t transfer, uint32_t value,
               const void *data, size_t length)
{
    static uint8_t message[CLIPBOARD_MESSAGE_MAX];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_BROWSER_CLIPBOARD);
    write_u8(&w, (uint8_t)step);
    write_u8(&w, (uint8_t)type);
    write_u16(&w, 0);
    write_u32(&w, transfer);
    write_u32(&w, value);
    write_u32(&w, 0);
    write_bytes(&w, data, length);
    assert_false(w.failed);
    rig_send(&d->scene->rig, message, w.length);
}

static void take(struct desk *d, const uint8_t *message, size_t size)
{
    struct reader r = reader_of(message, size);
    read_bytes(&r, 4);
    unsigned step = read_u8(&r), type = read_u8(&r);
    read_u16(&r);
    uint32_t transfer = read_u32(&r), value = read_u32(&r);
    read_u32(&r);
    switch (step) {
    case WIRE_CLIPBOARD_BEGIN:
        d->browser_type = type;
        d->browser_transfer = transfer;
        d->browser_total = value;
        d->browser_length = 0;
        d->begun++;
        assert_true(value <= CLIPBOARD_MAX);
        break;
    case WIRE_CLIPBOARD_DATA:
        assert_true(size <= CLIPBOARD_MESSAGE_MAX && value == d->browser_length && r.left > 0 &&
                    value + r.left <= d->browser_total);
        memcpy(d->browser + value, r.data, r.left);
        d->browser_length += r.left;
        if (!d->quiet)
            desk_send(d, WIRE_CLIPBOARD_TAKEN, 0, transfer, (uint32_t)d->browser_length, NULL, 0);
        break;
    case WIRE_CLIPBOARD_TAKEN:
        d->taken = value;
        d->taken_messages++;
        break;
    case WIRE_CLIPBOARD_REFUSED:
        d->refused++;
        break;
    default:
        break;
    }
}

bool desk_step(struct desk *d, int timeout_ms)
{
    static uint8_t message[STREAM_MESSAGE_MAX];
    serve(d);
    ssize_t length = rig_receive(&d->scene->rig, message, sizeof(message), timeout_ms);
    assert_true(length != 0);
    if (length < 0)
        return false;
    if (message[0] == WIRE_CLIPBOARD)
        take(d, message, (size_t)length);
    else if (canvas_apply(&d->scene->canvas, message, (size_t)length))
        scene_acknowledge(d->scene);
    return true;
}

bool desk_browser_has(const struct desk *d, const void *bytes, size_t length)
{
    return d->browser_length == length && d->browser_total == length &&
           memcmp(d->browser, bytes, length) == 0;
}

uint8_t *desk_bytes(size_t length)
{
    uint8_t *bytes = malloc(length);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)('a' + i * 7 % 26);
    return bytes;
}

void desk_give(struct desk *d, unsigned type, uint32_t transfer, const void *bytes, size_t length)
{
    desk_send(d, WIRE_CLIPBOARD_BEGIN, type, transfer, (uint32_t)length, NULL, 0);
    for (size_t sent = 0; sent < length;) {
        size_t part = length - sent < 60000 ? length - sent : 60000;
        desk_send(d, WIRE_CLIPBOARD_DATA, 0, transfer, (uint32_t)sent, (const uint8_t *)bytes + sent, part);
        sent += part;
    }
}

uint8_t *desk_paste(struct desk *d, const char *target, size_t *ret_length)
{
    xcb_connection_t *x = d->scene->rig.drawer;
    xcb_atom_t property = desk_atom(d, "PASTED"), incr = desk_atom(d, "INCR");
    xcb_convert_selection(x, d->window, desk_atom(d, "CLIPBOARD"), desk_atom(d, target), property,
                          XCB_CURRENT_TIME);
    xcb_flush(x);
    uint8_t *bytes = NULL;
    *ret_length = 0;
    bool steps = false;
    for (;;) {
        AUTO_FREE xcb_generic_event_t *event = xcb_wait_for_event(x);
        assert_non_null(event);
        uint8_t type = event->response_type & 0x7f;
        const xcb_property_notify_event_t *changed = (const void *)event;
        bool notified = type == XCB_SELECTION_NOTIFY;
        if (notified && ((const xcb_selection_notify_event_t *)event)->property == XCB_NONE)
            return NULL;
        if (!notified && !(steps && type == XCB_PROPERTY_NOTIFY && changed->state == XCB_PROPERTY_NEW_VALUE))
            continue;
        AUTO_FREE xcb_get_property_reply_t *reply = xcb_get_property_reply(
            x, xcb_get_property(x, 1, d->window, property, XCB_GET_PROPERTY_TYPE_ANY, 0, CLIPBOARD_MAX),
            NULL);
        size_t length = (size_t)xcb_get_property_value_length(reply);
        if (reply->type == incr) {
            steps = true;
            continue;
        }
        bytes = realloc(bytes, *ret_length + length + 1);
        memcpy(bytes + *ret_length, xcb_get_property_value(reply), length);
        *ret_length += length;
        if (!steps || length == 0)
            return bytes;
    }
}

void desk_assert_paste(struct desk *d, const char *target, const void *bytes, size_t length)
{
    size_t pasted;
    AUTO_FREE uint8_t *got = desk_paste(d, target, &pasted);
    assert_non_null(got);
    assert_int_equal(pasted, length);
    assert_memory_equal(got, bytes, length);
}
