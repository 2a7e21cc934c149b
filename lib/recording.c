#include "lib/recording.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/wire.h"

static const char magic[8] = "SBXREC\r\n"; // a copy in text mode shows at once

void recording_header_write(const struct recording_header *header,
                            uint8_t bytes[static RECORDING_HEADER_SIZE])
{
    memset(bytes, 0, RECORDING_HEADER_SIZE);
    struct writer w = writer_of(bytes, RECORDING_HEADER_SIZE);
    write_bytes(&w, magic, sizeof(magic));
    write_u32(&w, RECORDING_VERSION);
    write_u32(&w, RECORDING_HEADER_SIZE);
    write_bytes(&w, header->recording.bytes, sizeof(header->recording.bytes));
    write_bytes(&w, header->sandbox.bytes, sizeof(header->sandbox.bytes));
    write_bytes(&w, header->account.bytes, sizeof(header->account.bytes));
    write_u64(&w, (uint64_t)header->started_us);
}

static struct id read_id(struct reader *r)
{
    struct id id = {0};
    const uint8_t *bytes = read_bytes(r, sizeof(id.bytes));
    if (bytes)
        memcpy(id.bytes, bytes, sizeof(id.bytes));
    return id;
}

int recording_header_read(const uint8_t bytes[static RECORDING_HEADER_SIZE],
                          struct recording_header *ret_header)
{
    struct reader r = reader_of(bytes, RECORDING_HEADER_SIZE);
    const uint8_t *start = read_bytes(&r, sizeof(magic));
    if (!start || memcmp(start, magic, sizeof(magic)) != 0 || read_u32(&r) != RECORDING_VERSION ||
        read_u32(&r) != RECORDING_HEADER_SIZE)
        return -EPROTO;
    struct recording_header header = {0};
    header.recording = read_id(&r);
    header.sandbox = read_id(&r);
    header.account = read_id(&r);
    header.started_us = (int64_t)read_u64(&r);
    if (header.started_us < 0)
        return -EPROTO;
    *ret_header = header;
    return 0;
}

void recording_record_write(const struct recording_record *record,
                            uint8_t bytes[static RECORDING_RECORD_SIZE])
{
    struct writer w = writer_of(bytes, RECORDING_RECORD_SIZE);
    write_u32(&w, record->length);
    write_u32(&w, record->flags);
    write_u64(&w, record->time_us);
}

int recording_record_read(const uint8_t bytes[static RECORDING_RECORD_SIZE],
                          struct recording_record *ret_record)
{
    struct reader r = reader_of(bytes, RECORDING_RECORD_SIZE);
    struct recording_record record = {0};
    record.length = read_u32(&r);
    record.flags = read_u32(&r);
    record.time_us = read_u64(&r);
    if (record.length < 1 || record.length > STREAM_MESSAGE_MAX || (record.flags & ~RECORDING_KEY))
        return -EPROTO;
    *ret_record = record;
    return 0;
}

void recording_key_write(const struct recording_key *key, uint8_t bytes[static RECORDING_INDEX_SIZE])
{
    struct writer w = writer_of(bytes, RECORDING_INDEX_SIZE);
    write_u64(&w, key->time_us);
    write_u64(&w, key->offset);
    write_u64(&w, key->hello);
    write_u64(&w, key->display);
    write_u64(&w, key->cursor);
}

void recording_pointer_write(const struct recording_pointer *pointer,
                             uint8_t bytes[static RECORDING_POINTER_SIZE])
{
    struct writer w = writer_of(bytes, RECORDING_POINTER_SIZE);
    write_u32(&w, RECORDING_POINTER);
    write_u16(&w, pointer->x);
    write_u16(&w, pointer->y);
}

int recording_pointer_read(const uint8_t *message, size_t length, struct recording_pointer *ret_pointer)
{
    struct reader r = reader_of(message, length);
    bool kind = read_u32(&r) == RECORDING_POINTER;
    struct recording_pointer pointer = {.x = read_u16(&r), .y = read_u16(&r)};
    if (!kind || !reader_done(&r))
        return -EPROTO;
    *ret_pointer = pointer;
    return 0;
}

struct recording_scan recording_scan_new(void)
{
    return (struct recording_scan){.offset = RECORDING_HEADER_SIZE};
}

bool recording_scan_message(struct recording_scan *scan, struct recording_record *record,
                            const uint8_t *message, struct recording_key *ret_key)
{
    struct recording_key *state = &scan->state;
    bool key = false;
    switch (message[0]) {
    case WIRE_HELLO:
        *state = (struct recording_key){.hello = scan->offset};
        break;
    case WIRE_DISPLAY:
        state->display = scan->offset;
        break;
    case WIRE_CURSOR:
        state->cursor = scan->offset;
        break;
    case WIRE_VIDEO_FRAME:
        key = record->length > 1 && (message[1] & WIRE_FLAG_KEY_FRAME) && state->hello;
        break;
    default:
        break;
    }
    record->flags = key ? RECORDING_KEY : 0;
    if (key) {
        *ret_key = *state;
        ret_key->time_us = record->time_us;
        ret_key->offset = scan->offset;
    }
    scan->offset += RECORDING_RECORD_SIZE + record->length;
    return key;
}

int recording_rebuild(int fd, void (*found)(void *data, const struct recording_key *key), void *data,
                      uint64_t *ret_end, uint64_t *ret_time_us)
{
    uint8_t bytes[RECORDING_HEADER_SIZE];
    struct recording_header header;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return -errno;
    if (pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes) ||
        recording_header_read(bytes, &header) < 0)
        return -EPROTO;
    struct recording_scan scan = recording_scan_new();
    uint64_t time_us = 0;
    for (;;) {
        uint8_t start[RECORDING_RECORD_SIZE + 2];
        ssize_t got = pread(fd, start, sizeof(start), (off_t)scan.offset);
        if (got < 0)
            return -errno;
        struct recording_record record;
        struct recording_key key;
        if (got <= (ssize_t)RECORDING_RECORD_SIZE || recording_record_read(start, &record) < 0 ||
            record.time_us < time_us ||
            (uint64_t)size - scan.offset < (uint64_t)RECORDING_RECORD_SIZE + record.length)
            break;
        time_us = record.time_us;
        if (recording_scan_message(&scan, &record, start + RECORDING_RECORD_SIZE, &key) && found)
            found(data, &key);
    }
    *ret_end = scan.offset;
    *ret_time_us = time_us;
    return 0;
}
