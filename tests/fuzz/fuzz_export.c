// A recording as sandbox-export reads it, from its header to the picture: everything but the encoder.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libavutil/log.h>
#include <opus/opus.h>

#include "export/canvas.h"
#include "export/moments.h"
#include "export/source.h"
#include "export/track.h"
#include "lib/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 64 // a picture of the largest display is not painted for ever

#define SOUND_US 10000000u // nor is a silence written for ever

static int take_sound(void *data, uint8_t *packet, size_t length, uint64_t begin, unsigned samples)
{
    uint64_t *end = data;
    if (begin != *end || opus_packet_get_nb_samples(packet, (opus_int32)length, TRACK_RATE) != (int)samples)
        abort();
    *end += samples;
    return 0;
}

static int follow_sound(struct track *track, const struct source_record *record, uint64_t moment_us)
{
    const uint8_t *packet;
    size_t length;
    int error = track_read(record->message, record->length, &packet, &length);
    return error ? error : track_add(track, packet, length, (int64_t)(moment_us % SOUND_US));
}

static int follow_message(struct canvas *canvas, struct track *track, const struct source_record *record,
                          uint64_t moment_us)
{
    uint16_t width, height;
    if (record->message[0] == WIRE_AUDIO)
        return follow_sound(track, record, moment_us);
    // A large display costs a fuzzer its time and finds nothing that a small one does not.
    if (canvas_size_of(record->message, record->length, &width, &height) && width * height > 640 * 480)
        return -1;
    (void)canvas_continues(canvas, record->message, record->length);
    return canvas_apply(canvas, record->message, record->length);
}

static void follow(int fd)
{
    struct source source;
    struct source_record record;
    struct canvas canvas;
    struct moments moments = {0};
    uint64_t time_us = 0, end = 0;
    if (source_init(&source, fd) < 0)
        return;
    struct track *track = track_new(take_sound, &end);
    if (canvas_init(&canvas) < 0 || !track)
        abort();
    for (int i = 0; i < MESSAGES_MAX && source_next(&source, &record) == 0; i++) {
        moments_learn(&moments, record.time_us, record.message, record.length);
        uint64_t moment_us = moments_of(&moments, record.time_us, record.message, record.length);
        if (record.time_us < time_us || moment_us > record.time_us ||
            record.time_us - moment_us > MOMENTS_LATE_US)
            abort();
        time_us = record.time_us;
        if (follow_message(&canvas, track, &record, moment_us) < 0)
            break;
    }
    (void)track_end(track);
    track_free(track);
    canvas_finish(&canvas);
    source_finish(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    av_log_set_level(AV_LOG_QUIET);
    int fd = memfd_create("recording", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    follow(fd);
    close(fd);
    return 0;
}
