#include "export/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

struct track {
    track_write *write;
    void *data;
    OpusRepacketizer *joined; // the parts, which it borrows
    unsigned count;
    uint8_t parts[TRACK_PARTS][TRACK_PART_BYTES_MAX];
    uint64_t end; // of the last part, in samples
};

void track_free(struct track *track)
{
    if (!track)
        return;
    if (track->joined)
        opus_repacketizer_destroy(track->joined);
    free(track);
}

static void cleanup_track(struct track **track)
{
    track_free(*track);
}

struct track *track_new(track_write *write, void *data)
{
    CLEANUP(cleanup_track) struct track *track = calloc(1, sizeof(*track));
    if (!track)
        return NULL;
    track->write = write;
    track->data = data;
    track->joined = opus_repacketizer_create();
    return track->joined ? steal_pointer(&track) : NULL;
}

int track_read(const uint8_t *message, size_t length, const uint8_t **ret_packet, size_t *ret_length)
{
    struct reader r = reader_of(message, length);
    if (read_u8(&r) != WIRE_AUDIO)
        return -EPROTO;
    read_bytes(&r, WIRE_AUDIO_OVERHEAD - 1);
    if (r.failed || r.left < 1 || r.left > TRACK_PART_BYTES_MAX)
        return -EPROTO;
    *ret_packet = r.data;
    *ret_length = r.left;
    return 0;
}

// Fewer packets: an index of each stays in memory until the film's end.
static int flush(struct track *track)
{
    if (track->count == 0)
        return 0;
    uint8_t packet[TRACK_PACKET_BYTES_MAX];
    opus_int32 length = opus_repacketizer_out(track->joined, packet, sizeof(packet));
    if (length <= 0)
        return -EPROTO;
    unsigned samples = track->count * TRACK_PART;
    track->count = 0;
    opus_repacketizer_init(track->joined);
    return track->write(track->data, packet, (size_t)length, track->end - samples, samples);
}

static int join(struct track *track, const uint8_t *packet, size_t length)
{
    uint8_t *part = track->parts[track->count];
    memcpy(part, packet, length);
    return opus_repacketizer_cat(track->joined, part, (opus_int32)length) == OPUS_OK ? 0 : -EPROTO;
}

// One packet holds frames of one kind: another bandwidth, or one channel instead of two, begins the next.
static int append(struct track *track, const uint8_t *packet, size_t length)
{
    int error = track->count == TRACK_PARTS ? flush(track) : 0;
    if (error)
        return error;
    if (join(track, packet, length) < 0) {
        error = flush(track);
        if (!error)
            error = join(track, packet, length);
        if (error)
            return error;
    }
    track->count++;
    track->end += TRACK_PART;
    return 0;
}

static int fill(struct track *track, uint64_t due)
{
    // 10 ms of CELT, full band, two channels: a frame that only says so (RFC 6716 section 4.3, silence).
    static const uint8_t silence[] = {0xf4, 0xff, 0xfe};
    int error = 0;
    while (!error && due > track->end && due - track->end >= TRACK_PART / 2)
        error = append(track, silence, sizeof(silence));
    return error;
}

int track_add(struct track *track, const uint8_t *packet, size_t length, int64_t time_us)
{
    if (length < 1 || length > TRACK_PART_BYTES_MAX ||
        opus_packet_get_nb_samples(packet, (opus_int32)length, TRACK_RATE) != (int)TRACK_PART)
        return -EPROTO;
    if (time_us < 0)
        return 0;
    uint64_t due = (uint64_t)time_us * (TRACK_RATE / 1000) / 1000;
    if (due + TRACK_SLACK < track->end)
        return 0;
    int error = due > track->end + TRACK_SLACK ? fill(track, due) : 0;
    return error ? error : append(track, packet, length);
}

int track_end(struct track *track)
{
    return flush(track);
}
