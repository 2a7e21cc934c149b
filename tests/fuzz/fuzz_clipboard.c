// Clipboard transfers: the browser's messages, and the events of owners and requestors in the sandbox, in any order and at any time. The X
// connection is a broken one, on which requests are nothing.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/xcb.h>

#include "streaming/clipboard.h"

#define TO_SANDBOX 100000u
#define TO_BROWSER 200000u
#define WINDOW 7u
#define FIRST_ATOM 100u
#define SELECTION_EVENT 90
#define OPERATION 3u // its kind and length

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct clipboard *c)
{
    const struct clipboard_incoming *in = &c->incoming;
    const struct clipboard_outgoing *out = &c->outgoing;
    if (in->data.length > TO_SANDBOX || (in->data.type != 0 && in->received > in->data.length))
        abort();
    if (c->offer.data.length > TO_SANDBOX || c->fetch.data.length > TO_BROWSER)
        abort();
    if (out->data.type != 0 && (out->taken > out->sent || out->sent > out->data.length))
        abort();
    if (out->window > CLIPBOARD_WINDOW_MAX || (out->transfer != 0 && out->window < CLIPBOARD_PIECE))
        abort();
}

static int say(struct clipboard *c, struct outbox *outbox, const uint8_t *data, size_t length,
               uint64_t now_us)
{
    static uint8_t message[4 + UINT16_MAX] = {WIRE_BROWSER_CLIPBOARD};
    memcpy(message + 4, data, length);
    struct browser_message decoded;
    if (wire_decode_browser(message, 4 + length, &decoded))
        return 0;
    return clipboard_message(c, &decoded.clipboard, outbox, now_us);
}

// Atoms and windows are seldom met by chance: low values stand for those that count.
static void happen(struct clipboard *c, const uint8_t *data, size_t length, uint64_t now_us)
{
    static const uint8_t types[] = {XCB_SELECTION_NOTIFY, XCB_PROPERTY_NOTIFY, XCB_SELECTION_REQUEST,
                                    SELECTION_EVENT};
    uint32_t event[8] = {0};
    memcpy(event, data, length < sizeof(event) ? length : sizeof(event));
    for (size_t i = 1; i < 7; i++) {
        if ((event[i] & 0xff) < CLIPBOARD_ATOMS)
            event[i] = FIRST_ATOM + (event[i] & 0xff);
        else if ((event[i] & 0xff) < 32)
            event[i] = WINDOW;
    }
    event[0] = types[event[0] % sizeof(types)];
    clipboard_event(c, (const void *)event, now_us);
}

static void copy(struct clipboard *c, const uint8_t *data, size_t length)
{
    if (length == 0)
        return;
    size_t total = length * (data[0] % 4u + 1);
    struct clipboard_data given = {WIRE_CLIPBOARD_TEXT, calloc(1, total), total};
    transfer_begin(c, &given, 1); // the first has that number, which the corpus knows
}

static int step(struct clipboard *c, struct outbox *outbox, const uint8_t *at, size_t length, uint64_t now_us)
{
    switch (at[0] % 5) {
    case 0:
    case 1:
        return say(c, outbox, at + OPERATION, length, now_us);
    case 2:
        happen(c, at + OPERATION, length, now_us);
        return 0;
    case 3:
        copy(c, at + OPERATION, length);
        return 0;
    default:
        clipboard_receive(c, now_us);
        clipboard_advance(c, now_us);
        return clipboard_put(c, outbox, now_us);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outbox outbox;
    struct display display = {.selection_event = SELECTION_EVENT, .window = WINDOW};
    struct clipboard c = {.display = &display, .to_sandbox_max = TO_SANDBOX, .to_browser_max = TO_BROWSER};
    if (!outbox.data && outbox_init(&outbox))
        abort();
    display.connection = xcb_connect("none", NULL);
    for (size_t i = 0; i < CLIPBOARD_ATOMS; i++)
        c.atoms[i] = FIRST_ATOM + (uint32_t)i;
    uint64_t now_us = 1000000;
    struct outbox_position start = outbox_position(&outbox);
    while (size >= OPERATION) {
        size_t length = (size_t)(data[1] | data[2] << 8);
        length = length < size - OPERATION ? length : size - OPERATION;
        if (step(&c, &outbox, data, length, now_us))
            break;
        check(&c);
        outbox_rewind(&outbox, start);
        now_us += 1000 * (uint64_t)(data[0] / 5);
        data += OPERATION + length;
        size -= OPERATION + length;
    }
    outbox_rewind(&outbox, start);
    clipboard_finish(&c);
    xcb_disconnect(display.connection);
    return 0;
}
