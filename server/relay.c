#include "server/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/streamer_channel.h"

static const struct bucket_rate message_rate = {BROWSER_MESSAGES_PER_SECOND * 60, BROWSER_MESSAGES_BURST};
static const struct bucket_rate byte_rate = {BROWSER_BYTES_PER_SECOND * 60, BROWSER_BYTES_BURST};

int relay_down_packet(struct relay_down *down, const uint8_t *packet, size_t length,
                      struct relay_fragment *ret_fragment)
{
    if (length < 2 || length > STREAM_PACKET_MAX || (packet[0] & ~STREAM_PACKET_MORE))
        return -EPROTO;
    size_t before = down->inside ? down->bytes : 0;
    if (before + length - 1 > STREAM_MESSAGE_MAX)
        return -EPROTO;
    bool more = packet[0] & STREAM_PACKET_MORE;
    *ret_fragment = (struct relay_fragment){
        .data = packet + 1,
        .length = length - 1,
        .first = !down->inside,
        .last = !more,
    };
    down->inside = more;
    down->bytes = before + length - 1;
    return 0;
}

int relay_down_report(const struct relay_down *down, const uint8_t *packet, size_t length,
                      struct stream_report *ret_report)
{
    struct stream_report report;
    if (down->inside || length != 1 + sizeof(report) || packet[0] != STREAM_PACKET_REPORT)
        return -EPROTO;
    memcpy(&report, packet + 1, sizeof(report));
    if (stream_report_check(&report, length - 1))
        return -EPROTO;
    *ret_report = report;
    return 0;
}

void relay_up_finish(struct relay_up *up)
{
    free(up->packet);
    *up = (struct relay_up){.view_only = up->view_only, .changed = up->changed};
}

void relay_up_reset(struct relay_up *up)
{
    if (up->capacity > BROWSER_MESSAGE_MAX) {
        free(up->packet);
        up->packet = NULL;
        up->capacity = 0;
    }
    up->length = 0;
    up->rule = NULL;
}

static int begin(struct relay_up *up, const struct relay_piece *piece)
{
    relay_up_reset(up);
    if (!piece->binary)
        return -EPROTO;
    if (piece->length == 0)
        return 0; // its kind comes with the next piece
    up->rule = wire_browser_rule(*(const uint8_t *)piece->data);
    if (!up->rule || (up->view_only && !up->changed && !up->rule->view_only))
        return -EPROTO;
    size_t wanted = up->rule->size_max > BROWSER_MESSAGE_MAX ? up->rule->size_max : BROWSER_MESSAGE_MAX;
    if (wanted <= up->capacity)
        return 0;
    uint8_t *packet = realloc(up->packet, wanted + 1);
    if (!packet)
        return -ENOMEM;
    up->packet = packet;
    up->capacity = wanted;
    return 0;
}

int relay_up_piece(struct relay_up *up, const struct relay_piece *piece, int64_t now_us)
{
    // A flood is a flood also in pieces.
    if (!bucket_take(&up->bytes, &byte_rate,
                     (uint32_t)(piece->length < BROWSER_BYTES_BURST ? piece->length : BROWSER_BYTES_BURST),
                     now_us) ||
        (piece->first && !bucket_take(&up->messages, &message_rate, 1, now_us)))
        return -EDQUOT;
    int error = piece->first || !up->rule ? begin(up, piece) : 0;
    if (error)
        return error;
    if (!up->rule)
        return piece->last ? -EPROTO : 0;
    if (piece->length > up->rule->size_max - up->length)
        return -EPROTO;
    memcpy(up->packet + 1 + up->length, piece->data, piece->length);
    up->length += piece->length;
    if (!piece->last)
        return 0;
    if (up->length < up->rule->size_min)
        return -EPROTO;
    if (up->view_only && !up->rule->view_only)
        return 0;
    up->packet[0] = 0;
    return 1;
}
