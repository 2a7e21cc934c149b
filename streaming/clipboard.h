#pragma once
// The clipboard between the sandbox's X selections and the browser: text and PNG pictures, opaque bytes to this program. The sandbox's
// CLIPBOARD selection is fetched when it changes hands (clipboard_fetch.c); what the browser gives is offered as CLIPBOARD and, if text,
// PRIMARY (clipboard_offer.c); both cross the stream in pieces that yield to pictures and input (clipboard_transfer.c). Owners and requestors
// are the user's programs: each quantity and each wait of theirs is bounded, and none of them can end the stream.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/display.h"
#include "streaming/outbox.h"

enum clipboard_atom {
    ATOM_CLIPBOARD,
    ATOM_TARGETS,
    ATOM_INCR,
    ATOM_UTF8_STRING,
    ATOM_TEXT_UTF8,
    ATOM_TEXT_PLAIN,
    ATOM_PNG,
    ATOM_PROPERTY,
    CLIPBOARD_ATOMS,
};

// A selection that changes hands sooner after the last fetch waits.
#define CLIPBOARD_FETCH_US UINT64_C(100000)
// An owner that lets a step, or the whole, take longer is given up.
#define CLIPBOARD_STEP_US UINT64_C(2000000)
#define CLIPBOARD_WHOLE_US UINT64_C(30000000)
// Formats that one owner may name.
#define CLIPBOARD_TARGETS_MAX 1024u
// Bytes that a property takes in one request; what is larger goes in steps (INCR).
#define CLIPBOARD_PART 131072u
// Requestors that are served in steps at once; one that does nothing for so long makes room.
#define CLIPBOARD_SERVED_MAX 4u
#define CLIPBOARD_SERVED_US UINT64_C(10000000)
// What pasting may cost per CLIPBOARD_FETCH_US, a request being as dear as 4 KiB; what goes beyond is refused.
#define CLIPBOARD_BUDGET 2048u
#define CLIPBOARD_BUDGET_BYTES 4096u
// Bytes of one message to the browser, and those on their way: at first and at most.
#define CLIPBOARD_PIECE 32768u
#define CLIPBOARD_WINDOW_MAX (1u << 20)

struct clipboard_data {
    enum wire_clipboard_type type; // 0: none
    uint8_t *bytes;
    size_t length;
};

enum fetch_state { FETCH_IDLE, FETCH_CONVERTING, FETCH_READING, FETCH_INCREMENT };

struct clipboard_fetch {
    bool changed;
    uint64_t next_us; // no fetch before
    enum fetch_state state;
    uint32_t target;   // asked for
    unsigned sequence; // of the property on its way
    bool incremental, grown;
    uint64_t step_us, whole_us; // deadlines
    struct clipboard_data data;
    size_t capacity;
};

struct clipboard_served {
    uint32_t requestor, property, target; // requestor 0: free
    size_t offset;
    bool ended;
    uint64_t until_us;
};

struct clipboard_offer {
    struct clipboard_data data;
    bool ascii;
    struct clipboard_served served[CLIPBOARD_SERVED_MAX];
    uint64_t window_us;
    size_t spent; // since then
};

struct clipboard_incoming {
    struct clipboard_data data; // type 0: none is on its way
    uint32_t transfer;
    size_t received;
};

struct clipboard_outgoing {
    struct clipboard_data data;
    uint32_t transfer;
    bool begun;
    size_t sent, taken, window;
    size_t mark; // when these bytes are taken, the way there and back since mark_us is known
    uint64_t mark_us;
};

struct clipboard {
    struct display *display;
    uint32_t atoms[CLIPBOARD_ATOMS];
    size_t to_sandbox_max, to_browser_max;
    struct clipboard_fetch fetch;
    struct clipboard_offer offer;
    struct clipboard_incoming incoming;
    struct clipboard_outgoing outgoing;
    size_t refused; // bytes of a selection that was too large, to be told; SIZE_MAX: not known how many
};

// Blocks for a few answers of the X server. 0 or -EPROTO. A viewer that may only watch has no clipboard.
int clipboard_init(struct clipboard *c, struct display *display, const struct streamer_start *start);
void clipboard_finish(struct clipboard *c);

// Takes the X events that concern selections.
void clipboard_event(struct clipboard *c, const xcb_generic_event_t *event, uint64_t now_us);
// Takes a property that was asked for. 0, or -EAGAIN when there is none.
int clipboard_receive(struct clipboard *c, uint64_t now_us);
// Starts and gives up fetches. Returns when to look again, UINT64_MAX when nothing waits. The caller flushes.
uint64_t clipboard_advance(struct clipboard *c, uint64_t now_us);

// Tells the browser what is permitted.
int clipboard_put_policy(const struct clipboard *c, struct outbox *outbox);
// The browser's message; answers go to the outbox. -EPROTO when it can't be.
int clipboard_message(struct clipboard *c, const struct wire_clipboard *message, struct outbox *outbox,
                      uint64_t now_us);
// Puts the next piece for the browser into the outbox, if it may go now.
int clipboard_put(struct clipboard *c, struct outbox *outbox, uint64_t now_us);

// Of the parts, for clipboard.c alone.
void clipboard_data_free(struct clipboard_data *data);
// A PNG picture begins with its signature; text is anything.
bool clipboard_data_valid(const struct clipboard_data *data);
void fetch_event(struct clipboard *c, const xcb_generic_event_t *event, uint64_t now_us);
void offer_event(struct clipboard *c, const xcb_generic_event_t *event, uint64_t now_us);
// Offers what was given; takes the bytes over.
void offer_data(struct clipboard *c, struct clipboard_data *data);
// Sends what was fetched; takes the bytes over.
void transfer_begin(struct clipboard *c, struct clipboard_data *data, uint64_t now_us);
