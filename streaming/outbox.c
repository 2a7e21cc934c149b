#include "streaming/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/streamer_channel.h"

int outbox_init(struct outbox *o)
{
    *o = (struct outbox){.data = malloc(OUTBOX_CAPACITY)};
    return o->data ? 0 : -ENOMEM;
}

void outbox_finish(struct outbox *o)
{
    free(o->data);
    *o = (struct outbox){0};
}

bool outbox_empty(const struct outbox *o)
{
    return o->current == o->count && o->sounds.count == 0;
}

struct writer outbox_begin(struct outbox *o)
{
    o->mark = o->length;
    return writer_of(o->data + o->length, OUTBOX_CAPACITY - o->length);
}

int outbox_end(struct outbox *o, const struct writer *w)
{
    if (w->failed || w->length == 0 || w->length > STREAM_MESSAGE_MAX || o->count == OUTBOX_MESSAGES_MAX)
        return -EMSGSIZE;
    o->length = o->mark + w->length;
    o->flags[o->count] = 0;
    o->ends[o->count++] = o->length;
    return 0;
}

int outbox_end_report(struct outbox *o, const struct writer *w)
{
    if (w->failed || w->length >= STREAM_PACKET_MAX || o->count == OUTBOX_MESSAGES_MAX)
        return -EMSGSIZE;
    o->length = o->mark + w->length;
    o->flags[o->count] = STREAM_PACKET_REPORT;
    o->ends[o->count++] = o->length;
    return 0;
}

void outbox_put_sound(struct outbox *o, const void *message, size_t length)
{
    struct outbox_sounds *sounds = &o->sounds;
    if (length > OUTBOX_SOUND_SIZE)
        abort();
    if (sounds->count == OUTBOX_SOUNDS_MAX) {
        sounds->first = (sounds->first + 1) % OUTBOX_SOUNDS_MAX;
        sounds->count--;
    }
    size_t slot = (sounds->first + sounds->count++) % OUTBOX_SOUNDS_MAX;
    memcpy(sounds->data[slot], message, length);
    sounds->lengths[slot] = length;
}

struct outbox_position outbox_position(const struct outbox *o)
{
    return (struct outbox_position){.length = o->length, .count = o->count};
}

void outbox_rewind(struct outbox *o, struct outbox_position position)
{
    if (position.count < o->current || position.count > o->count)
        abort();
    o->length = position.length;
    o->count = position.count;
}

void outbox_flag_all_but_last(struct outbox *o, struct outbox_position position, uint8_t flag)
{
    size_t start = position.length;
    for (size_t i = position.count; i + 1 < o->count; i++) {
        o->data[start + 1] |= flag;
        start = o->ends[i];
    }
}

static int send_part(struct outbox *o, int socket, uint8_t flags, uint8_t *part, size_t length)
{
    struct iovec parts[] = {{&flags, 1}, {part, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n;
    do {
        n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    o->bytes_sent += length + 1;
    return 0;
}

// One packet: the flag byte and as much of the current message as fits.
static int send_packet(struct outbox *o, int socket)
{
    size_t left = o->ends[o->current] - o->sent;
    size_t part = left < STREAM_PACKET_MAX - 1 ? left : STREAM_PACKET_MAX - 1;
    uint8_t flags = o->flags[o->current] | (part < left ? STREAM_PACKET_MORE : 0);
    int error = send_part(o, socket, flags, o->data + o->sent, part);
    if (error)
        return error;
    o->sent += part;
    if (o->sent < o->ends[o->current])
        return 0;
    uint8_t kind = o->data[o->current > 0 ? o->ends[o->current - 1] : 0];
    if (o->flags[o->current] == 0 && kind <= WIRE_POINTER_PLACE)
        o->kinds[kind]++;
    o->current++;
    return 0;
}

static int send_sound(struct outbox *o, int socket)
{
    struct outbox_sounds *sounds = &o->sounds;
    int error = send_part(o, socket, 0, sounds->data[sounds->first], sounds->lengths[sounds->first]);
    if (error)
        return error;
    sounds->first = (sounds->first + 1) % OUTBOX_SOUNDS_MAX;
    sounds->count--;
    o->kinds[WIRE_AUDIO]++;
    return 0;
}

// The parts of a message are not parted by another one.
static bool between_messages(const struct outbox *o)
{
    return o->sent == (o->current > 0 ? o->ends[o->current - 1] : 0);
}

int outbox_send(struct outbox *o, int socket)
{
    while (!outbox_empty(o)) {
        bool sound = o->sounds.count > 0 && between_messages(o);
        int error = sound ? send_sound(o, socket) : send_packet(o, socket);
        if (error)
            return error;
    }
    o->length = o->sent = o->count = o->current = 0;
    return 0;
}
