// The browser's clipboard, offered to the sandbox's programs (ICCCM 2.2, 2.7.2).

#include <stdlib.h>
#include <string.h>

#include "streaming/clipboard.h"

static void refuse_or_notify(struct clipboard *c, const xcb_selection_request_event_t *request,
                             uint32_t property)
{
    xcb_selection_notify_event_t event = {.response_type = XCB_SELECTION_NOTIFY,
                                          .time = request->time,
                                          .requestor = request->requestor,
                                          .selection = request->selection,
                                          .target = request->target,
                                          .property = property};
    xcb_send_event(c->display->connection, 0, request->requestor, XCB_EVENT_MASK_NO_EVENT,
                   (const char *)&event);
}

static bool is_text(const struct clipboard *c, uint32_t target)
{
    return target == c->atoms[ATOM_UTF8_STRING] || target == c->atoms[ATOM_TEXT_UTF8] ||
           target == c->atoms[ATOM_TEXT_PLAIN] || (target == XCB_ATOM_STRING && c->offer.ascii);
}

static void put_targets(struct clipboard *c, uint32_t requestor, uint32_t property)
{
    uint32_t targets[6] = {c->atoms[ATOM_TARGETS]};
    uint32_t count = 1;
    if (c->offer.data.type == WIRE_CLIPBOARD_PNG) {
        targets[count++] = c->atoms[ATOM_PNG];
    } else {
        targets[count++] = c->atoms[ATOM_UTF8_STRING];
        targets[count++] = c->atoms[ATOM_TEXT_UTF8];
        targets[count++] = c->atoms[ATOM_TEXT_PLAIN];
        if (c->offer.ascii)
            targets[count++] = XCB_ATOM_STRING;
    }
    xcb_change_property(c->display->connection, XCB_PROP_MODE_REPLACE, requestor, property, XCB_ATOM_ATOM, 32,
                        count, targets);
}

static struct clipboard_served *find_place(struct clipboard *c, uint64_t now_us)
{
    for (size_t i = 0; i < CLIPBOARD_SERVED_MAX; i++) {
        struct clipboard_served *s = &c->offer.served[i];
        if (s->requestor == XCB_NONE || s->until_us < now_us)
            return s;
    }
    return NULL;
}

static void watch_requestor(struct clipboard *c, uint32_t requestor, uint32_t events)
{
    xcb_change_window_attributes(c->display->connection, requestor, XCB_CW_EVENT_MASK, &events);
}

static bool put_value(struct clipboard *c, const xcb_selection_request_event_t *request, uint32_t property,
                      uint64_t now_us)
{
    const struct clipboard_data *data = &c->offer.data;
    xcb_connection_t *x = c->display->connection;
    if (data->length <= CLIPBOARD_PART) {
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, request->requestor, property, request->target, 8,
                            (uint32_t)data->length, data->bytes);
        return true;
    }
    struct clipboard_served *place = find_place(c, now_us);
    if (!place || request->requestor == c->display->window)
        return false;
    *place = (struct clipboard_served){.requestor = request->requestor,
                                       .property = property,
                                       .target = request->target,
                                       .until_us = now_us + CLIPBOARD_SERVED_US};
    watch_requestor(c, request->requestor, XCB_EVENT_MASK_PROPERTY_CHANGE);
    uint32_t length = (uint32_t)data->length;
    xcb_change_property(x, XCB_PROP_MODE_REPLACE, request->requestor, property, c->atoms[ATOM_INCR], 32, 1,
                        &length);
    return true;
}

static bool permitted(struct clipboard_offer *o, size_t bytes, uint64_t now_us)
{
    if (now_us - o->window_us >= CLIPBOARD_FETCH_US) {
        o->window_us = now_us;
        o->spent = 0;
    }
    if (o->spent >= CLIPBOARD_BUDGET)
        return false;
    o->spent += 1 + bytes / CLIPBOARD_BUDGET_BYTES;
    return true;
}

static void requested(struct clipboard *c, const xcb_selection_request_event_t *request, uint64_t now_us)
{
    const struct clipboard_data *data = &c->offer.data;
    uint32_t property = request->property != XCB_NONE ? request->property : request->target;
    bool given = false;
    size_t bytes = request->target == c->atoms[ATOM_TARGETS] ? 0 : data->length;
    if (data->type != 0 && permitted(&c->offer, bytes, now_us)) {
        if (request->target == c->atoms[ATOM_TARGETS]) {
            put_targets(c, request->requestor, property);
            given = true;
        } else if (data->type == WIRE_CLIPBOARD_PNG ? request->target == c->atoms[ATOM_PNG]
                                                    : is_text(c, request->target)) {
            given = put_value(c, request, property, now_us);
        }
    }
    refuse_or_notify(c, request, given ? property : XCB_NONE);
}

// The requestor has read a part.
static void go_on(struct clipboard *c, struct clipboard_served *s, uint64_t now_us)
{
    const struct clipboard_data *data = &c->offer.data;
    if (s->ended || s->offset > data->length) {
        watch_requestor(c, s->requestor, XCB_EVENT_MASK_NO_EVENT);
        *s = (struct clipboard_served){0};
        return;
    }
    size_t left = data->length - s->offset;
    size_t part = left < CLIPBOARD_PART ? left : CLIPBOARD_PART;
    xcb_change_property(c->display->connection, XCB_PROP_MODE_REPLACE, s->requestor, s->property, s->target,
                        8, (uint32_t)part, data->bytes + s->offset);
    s->offset += part;
    s->ended = part == 0;
    s->until_us = now_us + CLIPBOARD_SERVED_US;
}

void offer_event(struct clipboard *c, const xcb_generic_event_t *event, uint64_t now_us)
{
    uint8_t type = event->response_type & 0x7f;
    if (type == XCB_SELECTION_REQUEST) {
        requested(c, (const void *)event, now_us);
    } else if (type == XCB_SELECTION_CLEAR) {
        const xcb_selection_clear_event_t *clear = (const void *)event;
        if (clear->selection == c->atoms[ATOM_CLIPBOARD] && clear->owner == c->display->window) {
            memset(c->offer.served, 0, sizeof(c->offer.served));
            clipboard_data_free(&c->offer.data);
        }
    } else if (type == XCB_PROPERTY_NOTIFY) {
        const xcb_property_notify_event_t *property = (const void *)event;
        for (size_t i = 0; i < CLIPBOARD_SERVED_MAX; i++) {
            struct clipboard_served *s = &c->offer.served[i];
            if (s->requestor != XCB_NONE && s->requestor == property->window &&
                s->property == property->atom && property->state == XCB_PROPERTY_DELETE)
                go_on(c, s, now_us);
        }
    }
}

void offer_data(struct clipboard *c, struct clipboard_data *data)
{
    struct clipboard_offer *o = &c->offer;
    memset(o->served, 0, sizeof(o->served));
    clipboard_data_free(&o->data);
    o->data = *data;
    *data = (struct clipboard_data){0};
    o->ascii = true;
    for (size_t i = 0; i < o->data.length; i++)
        o->ascii &= o->data.bytes[i] < 0x80;
    struct display *d = c->display;
    xcb_set_selection_owner(d->connection, d->window, c->atoms[ATOM_CLIPBOARD], XCB_CURRENT_TIME);
    // What terminals paste by the middle button and Shift+Insert.
    if (o->data.type == WIRE_CLIPBOARD_TEXT)
        xcb_set_selection_owner(d->connection, d->window, XCB_ATOM_PRIMARY, XCB_CURRENT_TIME);
}
