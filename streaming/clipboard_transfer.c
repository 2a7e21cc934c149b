// Clipboards on the stream. Each side keeps few bytes on their way, so that a large transfer delays neither pictures nor keys: more when the
// answers come fast, fewer when they queue.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "streaming/clipboard.h"

#define FAST_US 60000u
#define SLOW_US 150000u

static int put(struct outbox *outbox, const struct wire_clipboard *message)
{
    struct writer w = outbox_begin(outbox);
    wire_write_clipboard(&w, message);
    return outbox_end(outbox, &w);
}

int clipboard_put_policy(const struct clipboard *c, struct outbox *outbox)
{
    struct wire_clipboard message = {.step = WIRE_CLIPBOARD_POLICY,
                                     .value = (uint32_t)c->to_sandbox_max,
                                     .value2 = (uint32_t)c->to_browser_max};
    return put(outbox, &message);
}

void transfer_begin(struct clipboard *c, struct clipboard_data *data, uint64_t now_us)
{
    struct clipboard_outgoing *o = &c->outgoing;
    clipboard_data_free(&o->data);
    // Answers to a streamer that is gone may still come: no two begin with the same number.
    uint32_t transfer = o->transfer ? o->transfer + 1 : (uint32_t)now_us;
    *o = (struct clipboard_outgoing){.data = *data, .transfer = transfer, .window = CLIPBOARD_PIECE};
    *data = (struct clipboard_data){0};
}

static int put_piece(struct clipboard_outgoing *o, struct outbox *outbox, uint64_t now_us)
{
    size_t left = o->data.length - o->sent;
    size_t length = left < CLIPBOARD_PIECE ? left : CLIPBOARD_PIECE;
    struct wire_clipboard message = {.step = WIRE_CLIPBOARD_DATA,
                                     .transfer = o->transfer,
                                     .value = (uint32_t)o->sent,
                                     .data = o->data.bytes + o->sent,
                                     .length = length};
    o->sent += length;
    if (o->mark <= o->taken) {
        o->mark = o->sent;
        o->mark_us = now_us;
    }
    return put(outbox, &message);
}

int clipboard_put(struct clipboard *c, struct outbox *outbox, uint64_t now_us)
{
    struct clipboard_outgoing *o = &c->outgoing;
    if (c->refused) {
        uint32_t size = c->refused > UINT32_MAX ? 0 : (uint32_t)c->refused;
        struct wire_clipboard message = {.step = WIRE_CLIPBOARD_REFUSED, .value = size};
        c->refused = 0;
        return put(outbox, &message);
    }
    if (o->data.type == 0 || o->sent == o->data.length || o->sent - o->taken >= o->window)
        return 0;
    if (!o->begun) {
        struct wire_clipboard message = {.step = WIRE_CLIPBOARD_BEGIN,
                                         .type = o->data.type,
                                         .transfer = o->transfer,
                                         .value = (uint32_t)o->data.length};
        o->begun = true;
        int error = put(outbox, &message);
        if (error)
            return error;
    }
    return put_piece(o, outbox, now_us);
}

static int taken(struct clipboard_outgoing *o, const struct wire_clipboard *m, uint64_t now_us)
{
    if (m->transfer != o->transfer || o->data.type == 0)
        return 0; // of one that was given up
    if (m->value > o->sent || m->value < o->taken)
        return -EPROTO;
    o->taken = m->value;
    if (o->mark_us != 0 && o->taken >= o->mark) {
        uint64_t way = now_us - o->mark_us;
        if (way < FAST_US && o->window < CLIPBOARD_WINDOW_MAX)
            o->window *= 2;
        else if (way > SLOW_US && o->window > CLIPBOARD_PIECE)
            o->window /= 2;
        o->mark_us = 0;
    }
    if (o->taken == o->data.length)
        clipboard_data_free(&o->data);
    return 0;
}

static int answer(const struct wire_clipboard *m, enum wire_clipboard_step step, size_t value,
                  struct outbox *outbox)
{
    struct wire_clipboard message = {.step = step, .transfer = m->transfer, .value = (uint32_t)value};
    return put(outbox, &message);
}

static int begin(struct clipboard *c, const struct wire_clipboard *m, struct outbox *outbox)
{
    struct clipboard_incoming *in = &c->incoming;
    clipboard_data_free(&in->data);
    in->received = 0;
    in->transfer = m->transfer;
    if (m->value > c->to_sandbox_max || m->value == 0)
        return answer(m, WIRE_CLIPBOARD_REFUSED, 0, outbox);
    // Untouched memory is not there: a size alone costs nothing.
    in->data = (struct clipboard_data){m->type, malloc(m->value), m->value};
    if (in->data.bytes)
        return 0;
    in->data = (struct clipboard_data){0};
    return answer(m, WIRE_CLIPBOARD_REFUSED, 0, outbox);
}

static int take_piece(struct clipboard *c, const struct wire_clipboard *m, struct outbox *outbox)
{
    struct clipboard_incoming *in = &c->incoming;
    if (in->data.type == 0)
        return 0; // refused, or begun with a streamer that is gone, and the browser does not know yet
    if (m->transfer != in->transfer || m->value != in->received || m->length > in->data.length - in->received)
        return -EPROTO;
    memcpy(in->data.bytes + in->received, m->data, m->length);
    in->received += m->length;
    if (in->received < in->data.length)
        return answer(m, WIRE_CLIPBOARD_TAKEN, in->received, outbox);
    if (!clipboard_data_valid(&in->data)) {
        clipboard_data_free(&in->data);
        return answer(m, WIRE_CLIPBOARD_REFUSED, 0, outbox);
    }
    offer_data(c, &in->data);
    return answer(m, WIRE_CLIPBOARD_TAKEN, in->received, outbox);
}

int clipboard_message(struct clipboard *c, const struct wire_clipboard *m, struct outbox *outbox,
                      uint64_t now_us)
{
    switch (m->step) {
    case WIRE_CLIPBOARD_BEGIN:
        return begin(c, m, outbox);
    case WIRE_CLIPBOARD_DATA:
        return take_piece(c, m, outbox);
    case WIRE_CLIPBOARD_TAKEN:
        return taken(&c->outgoing, m, now_us);
    case WIRE_CLIPBOARD_REFUSED:
        if (m->transfer == c->outgoing.transfer)
            clipboard_data_free(&c->outgoing.data);
        return 0;
    case WIRE_CLIPBOARD_POLICY:
        break;
    }
    return -EPROTO;
}
