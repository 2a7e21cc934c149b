#pragma once
// The two directions of a stream as pure state machines: packets of the streamer become fragments of WebSocket messages, and fragments of
// the browser's messages become checked packets. Neither looks further than the first byte of a message.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"
#include "lib/streamer_channel.h"
#include "lib/wire.h"
#include "server/limiter.h"

// docs/PROTOCOL.md, "Close codes".
enum close_code {
    CLOSE_NONE = 0,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_ENDED = 4000,
    CLOSE_PROTOCOL = 4001,
    CLOSE_TOO_MUCH = 4002,
    CLOSE_SIGNED_OUT = 4003,
    CLOSE_NO_DISPLAY = 4004,
    CLOSE_TOO_MANY_VIEWERS = 4005,
    CLOSE_LINK_ENDED = 4006,
    CLOSE_SENT_AWAY = 4007,
    CLOSE_NOT_RECORDED = 4008,
};

struct relay_down {
    bool inside; // a message has begun and not ended
    size_t bytes;
};

struct relay_fragment {
    const uint8_t *data; // borrowed from the packet
    size_t length;
    bool first;
    bool last;
};

// One packet of the streamer. 0, or -EPROTO: empty, unknown flags, or a message over STREAM_MESSAGE_MAX.
int relay_down_packet(struct relay_down *down, const uint8_t *packet, size_t length,
                      struct relay_fragment *ret_fragment);

// A packet with STREAM_PACKET_REPORT. 0, or -EPROTO: inside a message, or not what a report is.
int relay_down_report(const struct relay_down *down, const uint8_t *packet, size_t length,
                      struct stream_report *ret_report);

struct relay_up {
    bool view_only;
    bool
        changed; // view_only was another one before: input that was on its way is dropped, not held against the browser
    uint8_t *packet; // the flag byte and the message so far
    size_t length;   // of the message
    size_t capacity; // for the message
    const struct wire_browser_rule *rule;
    struct bucket messages;
    struct bucket bytes;
};

void relay_up_finish(struct relay_up *up);

struct relay_piece {
    const void *data;
    size_t length;
    bool first; // of its message
    bool last;
    bool binary;
};

// One piece of a browser's message. 1: up->packet holds flag byte and message, until relay_up_reset. 0: more is to come. -EPROTO: close
// with CLOSE_PROTOCOL; -EDQUOT: with CLOSE_TOO_MUCH; -ENOMEM.
int relay_up_piece(struct relay_up *up, const struct relay_piece *piece, int64_t now_us);
void relay_up_reset(struct relay_up *up);
