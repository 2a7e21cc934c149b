#include "export/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/recording.h"

#define WINDOW (1u << 20)

int source_init(struct source *source, int fd)
{
    uint8_t bytes[RECORDING_HEADER_SIZE];
    struct recording_header header;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes) ||
        recording_header_read(bytes, &header) < 0)
        return -EPROTO;
    *source = (struct source){.fd = fd, .offset = sizeof(bytes), .size = (uint64_t)status.st_size};
    return 0;
}

void source_finish(struct source *source)
{
    free(source->window);
    source->window = NULL;
}

static int refill(struct source *source, uint64_t offset, size_t length)
{
    size_t capacity = length > WINDOW ? length : WINDOW;
    if (capacity > source->window_capacity) {
        uint8_t *window = realloc(source->window, capacity);
        if (!window)
            return -ENOMEM;
        source->window = window;
        source->window_capacity = capacity;
    }
    source->window_offset = offset;
    source->window_length = 0;
    while (source->window_length < length) {
        ssize_t got =
            pread(source->fd, source->window + source->window_length,
                  source->window_capacity - source->window_length, (off_t)(offset + source->window_length));
        if (got < 0)
            return -errno;
        if (got == 0)
            return -EPROTO; // it has become shorter
        source->window_length += (size_t)got;
    }
    return 0;
}

static int take(struct source *source, uint64_t offset, size_t length, const uint8_t **ret_bytes)
{
    if (length > source->size - offset)
        return -EPROTO;
    uint64_t end = source->window_offset + source->window_length;
    if (offset < source->window_offset || offset > end || length > end - offset) {
        int error = refill(source, offset, length);
        if (error)
            return error;
    }
    *ret_bytes = source->window + (offset - source->window_offset);
    return 0;
}

int source_next(struct source *source, struct source_record *ret_record)
{
    const uint8_t *bytes;
    struct recording_record record;
    if (source->offset == source->size)
        return -ENODATA;
    int error = take(source, source->offset, RECORDING_RECORD_SIZE, &bytes);
    if (!error)
        error = recording_record_read(bytes, &record);
    if (!error && record.time_us < source->time_us)
        error = -EPROTO;
    if (!error)
        error = take(source, source->offset + RECORDING_RECORD_SIZE, record.length, &bytes);
    if (error)
        return error;
    source->offset += RECORDING_RECORD_SIZE + record.length;
    source->time_us = record.time_us;
    *ret_record = (struct source_record){record.time_us, bytes, record.length};
    return 0;
}
