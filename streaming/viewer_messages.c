#include <errno.h>

#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/wire.h"
#include "streaming/clock.h"
#include "streaming/viewer_private.h"

#define MESSAGES_PER_TURN 64

int viewer_put_display(struct viewer *v)
{
    struct writer w = outbox_begin(&v->outbox);
    wire_write_display(&w, v->update.grid.width, v->update.grid.height, v->update.video.codec);
    return outbox_end(&v->outbox, &w);
}

static void greeted(struct viewer *v, uint32_t knows)
{
    v->update.grouped = knows & WIRE_KNOWS_MORE;
    // Whoever may act has a pointer of its own on the screen.
    if (knows & WIRE_KNOWS_POINTER)
        pointer_follow(&v->pointer, v->start->view_only);
}

static int acknowledged(struct viewer *v, const struct browser_message *message, uint64_t now_us)
{
    bool greeting = message->acknowledge.sequence == 0;
    struct path_acknowledgement acknowledgement = {
        .sequence = message->acknowledge.sequence,
        .decode_us = message->acknowledge.decode_us,
        .queued = greeting ? 0 : message->acknowledge.queued,
    };
    if (greeting)
        greeted(v, message->acknowledge.queued);
    statistics_painted(&v->update.statistics, now_us, acknowledgement.sequence);
    return pace_acknowledged(&v->update.pace, now_us, &acknowledgement);
}

static int handle_message(struct viewer *v, const struct browser_message *message, uint64_t now_us)
{
    if (v->start->view_only && !wire_browser_rule((uint8_t)message->kind)->view_only)
        return -EPROTO;
    switch (message->kind) {
    case WIRE_ACKNOWLEDGE:
        return acknowledged(v, message, now_us);
    case WIRE_REFRESH:
        update_refresh(&v->update);
        return 0;
    case WIRE_RESIZE:
        resize_want(&v->resize, message->resize.width, message->resize.height, message->resize.scale_percent);
        return 0;
    case WIRE_BROWSER_CLIPBOARD:
        return clipboard_message(&v->clipboard, &message->clipboard, &v->outbox, now_us);
    case WIRE_BROWSER_AUDIO:
        sound_listen(&v->sound, message->audio_on && v->start->policy.sound, now_us);
        return 0;
    case WIRE_MICROPHONE:
        voice_switch(&v->voice, &v->sound, message->microphone_on && v->start->policy.microphone, now_us);
        return 0;
    case WIRE_VOICE:
        voice_take(&v->voice, &v->sound, message->voice.data, message->voice.length, now_us);
        return 0;
    default:
        update_hurry(&v->update, now_us);
        input_handle(&v->input, message, now_us);
        v->input_us = now_us;
        if (message->kind != WIRE_POINTER)
            statistics_input(&v->update.statistics, now_us);
        return 0;
    }
}

// One packet. -EAGAIN when there is none; the viewer's leaving is no error.
static int read_packet(struct viewer *v, uint64_t now_us)
{
    AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
    int error = ipc_receive(v->stream, v->packet, sizeof(v->packet), &packet);
    if (error == -ECONNRESET) {
        v->left = true;
        return -EAGAIN;
    }
    if (error)
        return error;
    struct browser_message message;
    if (packet.fd_count > 0 || packet.length < 1 || v->packet[0] != 0 ||
        wire_decode_browser(v->packet + 1, packet.length - 1, &message))
        return -EPROTO;
    return handle_message(v, &message, now_us);
}

bool viewer_messages_heard(const struct viewer *v)
{
    return !typing_waits(&v->input.typing) && v->outbox.count < OUTBOX_MESSAGES_MAX / 2;
}

int viewer_messages_read(struct viewer *v)
{
    uint64_t now_us = clock_us();
    for (int i = 0; i < MESSAGES_PER_TURN && viewer_messages_heard(v); i++) {
        int error = read_packet(v, now_us);
        if (error == -EAGAIN)
            return 0;
        if (error)
            return viewer_fail(v, error, "the viewer broke the protocol");
    }
    return 0;
}
