#pragma once
// Messages on their way to the browser, cut into packets of the stream socket (lib/streamer_channel.h). What
// has been put in is sent whole and in order; while the socket is full the rest waits here, and the capture
// waits for the outbox.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/bytes.h"
#include "lib/limits.h"
#include "lib/wire.h"

#define OUTBOX_MESSAGES_MAX 256u
// One whole update and, behind it, what else may be due: a cursor, statistics.
#define OUTBOX_CAPACITY (2u * STREAM_MESSAGE_MAX)

// Sound, which waits for no update: so much of it, in packets of 10 ms, and the oldest is given up for more.
#define OUTBOX_SOUNDS_MAX 16u
#define OUTBOX_SOUND_SIZE 512u

struct outbox_sounds {
    uint8_t data[OUTBOX_SOUNDS_MAX][OUTBOX_SOUND_SIZE];
    size_t lengths[OUTBOX_SOUNDS_MAX];
    size_t first, count;
};

struct outbox {
    uint8_t *data;
    size_t length;
    size_t sent;
    size_t ends[OUTBOX_MESSAGES_MAX];       // where each message ends in data
    uint8_t flags[OUTBOX_MESSAGES_MAX];     // of each message's packets
    uint32_t kinds[WIRE_POINTER_PLACE + 1]; // messages to the browser that are out, by kind
    size_t count;
    size_t current;      // the message being sent
    size_t mark;         // length before the message being written
    uint64_t bytes_sent; // packets' bytes since the start
    struct outbox_sounds sounds;
};

int outbox_init(struct outbox *o);
void outbox_finish(struct outbox *o);
bool outbox_empty(const struct outbox *o);

// Starts a message: a writer into the outbox, valid until outbox_end().
struct writer outbox_begin(struct outbox *o);
// Ends the message. -EMSGSIZE when it overran the writer, is larger than STREAM_MESSAGE_MAX or one too many;
// it is dropped then.
int outbox_end(struct outbox *o, const struct writer *w);

// The same for a report to sandbox-server (STREAM_PACKET_REPORT), which is one packet.
int outbox_end_report(struct outbox *o, const struct writer *w);

// A message of at most OUTBOX_SOUND_SIZE bytes that goes ahead of all others, behind what of one has been sent already.
void outbox_put_sound(struct outbox *o, const void *message, size_t length);

// What has been put in since, to be taken back by outbox_rewind() as long as nothing was sent in between.
struct outbox_position {
    size_t length, count;
};
struct outbox_position outbox_position(const struct outbox *o);
void outbox_rewind(struct outbox *o, struct outbox_position position);
// Sets a bit in the second byte of the messages that were put in since, but for the last one.
void outbox_flag_all_but_last(struct outbox *o, struct outbox_position position, uint8_t flag);

// Sends what the socket takes. 0 when the outbox is empty, -EAGAIN when the rest must wait, -EPIPE when the
// peer is gone.
int outbox_send(struct outbox *o, int socket);
