// A recording as sandbox-export reads it, from its header to the picture: everything but the encoder.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libavutil/log.h>

#include "export/canvas.h"
#include "export/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 64 // a picture of the largest display is not painted for ever

static void follow(int fd)
{
    struct source source;
    struct source_record record;
    struct canvas canvas;
    if (source_init(&source, fd) < 0)
        return;
    if (canvas_init(&canvas) < 0)
        abort();
    uint64_t time_us = 0;
    for (int i = 0; i < MESSAGES_MAX && source_next(&source, &record) == 0; i++) {
        uint16_t width, height;
        if (record.time_us < time_us)
            abort();
        time_us = record.time_us;
        // A large display costs a fuzzer its time and finds nothing that a small one does not.
        if (canvas_size_of(record.message, record.length, &width, &height) && width * height > 640 * 480)
            break;
        (void)canvas_continues(&canvas, record.message, record.length);
        if (canvas_apply(&canvas, record.message, record.length) < 0)
            break;
    }
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
