// The sandbox's clipboard, fetched from its owner (ICCCM 2.4, 2.7.2).

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/xcbext.h>

#include "lib/cleanup.h"
#include "streaming/clipboard.h"

#define LATIN1_LOW 0x80u

static void stop(struct clipboard_fetch *f)
{
    f->state = FETCH_IDLE;
    f->incremental = f->grown = false;
    f->capacity = 0;
    clipboard_data_free(&f->data);
}

static void refuse(struct clipboard *c, size_t size)
{
    stop(&c->fetch);
    c->refused = size;
}

static void convert(struct clipboard *c, uint32_t target, uint64_t now_us)
{
    struct display *d = c->display;
    xcb_delete_property(d->connection, d->window, c->atoms[ATOM_PROPERTY]);
    xcb_convert_selection(d->connection, d->window, c->atoms[ATOM_CLIPBOARD], target, c->atoms[ATOM_PROPERTY],
                          XCB_CURRENT_TIME);
    c->fetch.target = target;
    c->fetch.state = FETCH_CONVERTING;
    c->fetch.step_us = now_us + CLIPBOARD_STEP_US;
}

static void read_property(struct clipboard *c, uint64_t now_us)
{
    struct display *d = c->display;
    size_t most = c->fetch.target == c->atoms[ATOM_TARGETS] ? CLIPBOARD_TARGETS_MAX * 4 : c->to_browser_max;
    // Deleted by the same request when all of it fits; an owner that sends in steps goes on by that.
    c->fetch.sequence = xcb_get_property(d->connection, 1, d->window, c->atoms[ATOM_PROPERTY],
                                         XCB_GET_PROPERTY_TYPE_ANY, 0, (uint32_t)(most / 4 + 1))
                            .sequence;
    c->fetch.state = FETCH_READING;
    c->fetch.grown = false;
    c->fetch.step_us = now_us + CLIPBOARD_STEP_US;
}

// What the owner can give that the browser can take: text first.
static uint32_t choose_target(const struct clipboard *c, const uint32_t *targets, size_t count)
{
    const uint32_t wanted[] = {c->atoms[ATOM_UTF8_STRING], c->atoms[ATOM_TEXT_UTF8], c->atoms[ATOM_PNG],
                               XCB_ATOM_STRING};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        for (size_t k = 0; k < count; k++) {
            if (targets[k] == wanted[i])
                return wanted[i];
        }
    }
    return XCB_NONE;
}

static void take_targets(struct clipboard *c, const xcb_get_property_reply_t *reply, size_t length,
                         uint64_t now_us)
{
    size_t count = reply->format == 32 ? length / 4 : 0;
    uint32_t target = choose_target(c, xcb_get_property_value(reply),
                                    count < CLIPBOARD_TARGETS_MAX ? count : CLIPBOARD_TARGETS_MAX);
    if (target == XCB_NONE)
        stop(&c->fetch);
    else
        convert(c, target, now_us);
}

static int append(struct clipboard *c, const uint8_t *bytes, size_t length)
{
    struct clipboard_fetch *f = &c->fetch;
    if (length > c->to_browser_max - f->data.length)
        return -EMSGSIZE;
    if (f->data.length + length > f->capacity) {
        size_t capacity =
            f->capacity * 2 > f->data.length + length ? f->capacity * 2 : f->data.length + length;
        capacity = capacity < c->to_browser_max ? capacity : c->to_browser_max;
        uint8_t *larger = realloc(f->data.bytes, capacity);
        if (!larger)
            return -ENOMEM;
        f->data.bytes = larger;
        f->capacity = capacity;
    }
    if (length > 0)
        memcpy(f->data.bytes + f->data.length, bytes, length);
    f->data.length += length;
    return 0;
}

// STRING is Latin-1 (ICCCM 2.7.1): two bytes of UTF-8 for its upper half.
static int to_utf8(struct clipboard_data *data)
{
    size_t high = 0;
    for (size_t i = 0; i < data->length; i++)
        high += data->bytes[i] >= LATIN1_LOW;
    if (high == 0)
        return 0;
    uint8_t *bytes = malloc(data->length + high);
    if (!bytes)
        return -ENOMEM;
    size_t length = 0;
    for (size_t i = 0; i < data->length; i++) {
        uint8_t byte = data->bytes[i];
        if (byte >= LATIN1_LOW)
            bytes[length++] = (uint8_t)(0xc0 | byte >> 6);
        bytes[length++] = byte >= LATIN1_LOW ? (uint8_t)(0x80 | (byte & 0x3f)) : byte;
    }
    free(data->bytes);
    *data = (struct clipboard_data){data->type, bytes, length};
    return 0;
}

static void finish(struct clipboard *c, uint64_t now_us)
{
    struct clipboard_fetch *f = &c->fetch;
    f->data.type = f->target == c->atoms[ATOM_PNG] ? WIRE_CLIPBOARD_PNG : WIRE_CLIPBOARD_TEXT;
    bool usable = f->data.length > 0 && clipboard_data_valid(&f->data);
    if (usable && f->target == XCB_ATOM_STRING && to_utf8(&f->data))
        usable = false;
    if (usable && f->data.length > c->to_browser_max) {
        refuse(c, f->data.length);
        return;
    }
    if (usable)
        transfer_begin(c, &f->data, now_us);
    stop(f);
}

static void take_value(struct clipboard *c, const xcb_get_property_reply_t *reply, size_t length,
                       uint64_t now_us)
{
    struct clipboard_fetch *f = &c->fetch;
    if (reply->type == c->atoms[ATOM_INCR] && !f->incremental) {
        f->incremental = true;
        f->state = FETCH_INCREMENT;
    } else if (f->incremental && reply->type == XCB_NONE) {
        f->state = FETCH_INCREMENT; // read too early: nothing was there
        return;
    } else if (reply->format != 8) {
        stop(f);
        return;
    } else {
        int error = append(c, xcb_get_property_value(reply), length);
        if (error) {
            refuse(c, error == -EMSGSIZE ? SIZE_MAX : 0);
            return;
        }
        if (!f->incremental || length == 0) {
            finish(c, now_us);
            return;
        }
        f->state = FETCH_INCREMENT;
    }
    if (f->grown) // its next step came before this reply was looked at
        read_property(c, now_us);
}

int clipboard_receive(struct clipboard *c, uint64_t now_us)
{
    struct clipboard_fetch *f = &c->fetch;
    void *reply_pointer = NULL;
    xcb_generic_error_t *error_pointer = NULL;
    if (f->sequence == 0 ||
        !xcb_poll_for_reply(c->display->connection, f->sequence, &reply_pointer, &error_pointer))
        return -EAGAIN;
    AUTO_FREE xcb_get_property_reply_t *reply = reply_pointer;
    AUTO_FREE xcb_generic_error_t *error = error_pointer;
    f->sequence = 0;
    if (f->state != FETCH_READING)
        return 0; // it came too late
    size_t length = reply ? (size_t)reply->value_len * (reply->format / 8) : 0;
    if (!reply || error || length > (size_t)reply->length * 4) {
        stop(f);
    } else if (reply->bytes_after > 0) {
        xcb_delete_property(c->display->connection, c->display->window, c->atoms[ATOM_PROPERTY]);
        refuse(c, length + reply->bytes_after);
    } else if (f->target == c->atoms[ATOM_TARGETS]) {
        take_targets(c, reply, length, now_us);
    } else {
        take_value(c, reply, length, now_us);
    }
    return 0;
}

static void notified(struct clipboard *c, const xcb_selection_notify_event_t *event, uint64_t now_us)
{
    struct clipboard_fetch *f = &c->fetch;
    if (f->state != FETCH_CONVERTING || event->requestor != c->display->window ||
        event->target != f->target || event->selection != c->atoms[ATOM_CLIPBOARD])
        return;
    if (event->property == c->atoms[ATOM_PROPERTY])
        read_property(c, now_us);
    else if (f->target == c->atoms[ATOM_TARGETS])
        convert(c, c->atoms[ATOM_UTF8_STRING], now_us); // an owner of few words
    else
        stop(f);
}

void fetch_event(struct clipboard *c, const xcb_generic_event_t *event, uint64_t now_us)
{
    uint8_t type = event->response_type & 0x7f;
    if (type == XCB_SELECTION_NOTIFY) {
        notified(c, (const void *)event, now_us);
    } else if (type == XCB_PROPERTY_NOTIFY) {
        const xcb_property_notify_event_t *property = (const void *)event;
        if (property->window != c->display->window || property->atom != c->atoms[ATOM_PROPERTY] ||
            property->state != XCB_PROPERTY_NEW_VALUE)
            return;
        if (c->fetch.state == FETCH_INCREMENT)
            read_property(c, now_us);
        else if (c->fetch.state == FETCH_READING)
            c->fetch.grown = true;
    }
}

uint64_t clipboard_advance(struct clipboard *c, uint64_t now_us)
{
    struct clipboard_fetch *f = &c->fetch;
    if (f->state != FETCH_IDLE) {
        uint64_t until = f->step_us < f->whole_us ? f->step_us : f->whole_us;
        if (now_us < until)
            return until;
        stop(f);
    }
    if (!f->changed || f->sequence != 0)
        return UINT64_MAX;
    if (now_us < f->next_us)
        return f->next_us;
    f->changed = false;
    f->next_us = now_us + CLIPBOARD_FETCH_US;
    f->whole_us = now_us + CLIPBOARD_WHOLE_US;
    convert(c, c->atoms[ATOM_TARGETS], now_us);
    return f->step_us;
}
