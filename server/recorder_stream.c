#include "server/recorder_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "lib/wire.h"
#include "server/clock.h"

#define KEY_US (10 * SECOND_US)     // between two places where playing can begin, while something changes
#define POINTER_US (SECOND_US / 30) // between two places of the pointer
#define PACKETS_PER_TURN 64

static void put_pointer(struct recorder_stream *stream);

static void on_pointer_timer(void *data)
{
    put_pointer(data);
}

int recorder_stream_begin(struct recorder_stream *stream, int fd)
{
    stream->fd = fd;
    stream->key_us = clock_monotonic_us();
    stream->pointer.timer = (struct loop_timer){.fire = on_pointer_timer, .data = stream};
    return set_nonblocking(fd);
}

void recorder_stream_end(struct recorder_stream *stream)
{
    if (stream->fd < 0)
        return;
    loop_timer_cancel(&stream->pointer.timer);
    close(steal_fd(&stream->fd));
    stream->greeted = stream->acknowledge = stream->refreshing = stream->listening = false;
    stream->down = (struct relay_down){0};
    recording_writer_abandon(stream->writer);
}

static bool send_message(struct recorder_stream *stream, const void *packet, size_t length)
{
    return ipc_send(stream->fd, packet, length, NULL, 0) == 0;
}

void recorder_stream_answer(struct recorder_stream *stream)
{
    uint8_t packet[17] = {0, WIRE_ACKNOWLEDGE};
    static const uint8_t refresh[5] = {0, WIRE_REFRESH}, listen[9] = {0, WIRE_BROWSER_AUDIO, [5] = 1};
    struct writer w = writer_of(packet + 5, sizeof(packet) - 5);
    write_u32(&w, stream->painted);
    write_u32(&w, 0);
    write_u32(&w, stream->painted == 0 ? WIRE_KNOWS_POINTER : 0);
    if (stream->acknowledge && send_message(stream, packet, sizeof(packet)))
        stream->acknowledge = false;
    if (stream->greeted && !stream->listening)
        stream->listening = send_message(stream, listen, sizeof(listen));
    if (!stream->refreshing && clock_monotonic_us() - stream->key_us >= KEY_US)
        stream->refreshing = send_message(stream, refresh, sizeof(refresh));
}

static uint64_t time_of(const struct recorder_stream *stream)
{
    return (uint64_t)(clock_monotonic_us() - stream->started_us);
}

// Between two messages of the streamer, and never before its first one; the last place is always written.
static void put_pointer(struct recorder_stream *stream)
{
    uint8_t message[RECORDING_POINTER_SIZE];
    int64_t wait_us = stream->pointer.written_us + POINTER_US - clock_monotonic_us();
    if (!stream->pointer.pending || !stream->greeted || stream->down.inside)
        return;
    if (wait_us > 0) {
        loop_timer_set(stream->loop, &stream->pointer.timer, wait_us);
        return;
    }
    recording_pointer_write(&stream->pointer.place, message);
    if (recording_writer_add(stream->writer, true, message, sizeof(message)) < 0) {
        recording_writer_abandon(stream->writer); // memory is out: it is not worth the recording
        return;
    }
    recording_writer_end(stream->writer, time_of(stream));
    stream->pointer.pending = false;
    stream->pointer.written_us = clock_monotonic_us();
    stream->written(stream->data);
}

// Kept apart: it is told again behind each key frame.
static void take_pointer(struct recorder_stream *stream, const uint8_t *message)
{
    struct reader r = reader_of(message + 4, WIRE_POINTER_PLACE_SIZE - 4);
    uint16_t x = read_u16(&r), y = read_u16(&r);
    stream->pointer.place = (struct recording_pointer){x, y};
    stream->pointer.known = stream->pointer.pending = true;
    recording_writer_abandon(stream->writer);
    put_pointer(stream);
}

static void take_message(struct recorder_stream *stream)
{
    uint32_t length;
    const uint8_t *message = recording_writer_message(stream->writer, &length);
    if (!message)
        return;
    if (message[0] == WIRE_POINTER_PLACE && length == WIRE_POINTER_PLACE_SIZE) {
        take_pointer(stream, message);
        return;
    }
    bool hello = message[0] == WIRE_HELLO;
    bool frame = message[0] >= WIRE_VIDEO_FRAME && message[0] <= WIRE_COPY_RECTANGLE && length >= 8;
    if (frame || hello) {
        struct reader r = reader_of(message + 4, 4);
        stream->painted = frame ? read_u32(&r) : 0;
        stream->acknowledge = true;
    }
    if (hello) {
        stream->greeted = true;
        stream->listening = false; // to be told anew
    }
    if (recording_writer_end(stream->writer, time_of(stream))) {
        stream->key_us = clock_monotonic_us();
        stream->refreshing = false;
        // Playing can begin here: the pointer's place is told again.
        stream->pointer.pending |= stream->pointer.known;
    }
    stream->written(stream->data);
    put_pointer(stream);
}

static int take_packet(struct recorder_stream *stream, const uint8_t *packet, size_t length)
{
    struct stream_report report;
    struct relay_fragment fragment;
    if (length > 0 && packet[0] == STREAM_PACKET_REPORT)
        return relay_down_report(&stream->down, packet, length, &report);
    int error = relay_down_packet(&stream->down, packet, length, &fragment);
    if (!error)
        error = recording_writer_add(stream->writer, fragment.first, fragment.data, fragment.length);
    if (!error && fragment.last)
        take_message(stream);
    return error;
}

int recorder_stream_read(struct recorder_stream *stream)
{
    for (int i = 0; i < PACKETS_PER_TURN && !recording_writer_full(stream->writer); i++) {
        AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
        int error = ipc_receive(stream->fd, stream->scratch, STREAM_PACKET_MAX, &packet);
        if (error == -EAGAIN)
            return 0;
        if (!error)
            error = packet.fd_count ? -EPROTO : take_packet(stream, stream->scratch, packet.length);
        if (error)
            return error;
    }
    return 0;
}
