#pragma once
// Reads a recording's file (docs/RECORDING.md) from its begin to its end. Every byte is hostile.

#include <stddef.h>
#include <stdint.h>

struct source {
    int fd;
    uint64_t offset; // of the next record
    uint64_t size;
    uint64_t time_us; // of the last one
    uint8_t *window;  // what was read ahead
    uint64_t window_offset;
    size_t window_length, window_capacity;
};

struct source_record {
    uint64_t time_us;       // never falls
    const uint8_t *message; // until the next call
    size_t length;
};

// -EPROTO: no recording. The descriptor stays the caller's.
int source_init(struct source *source, int fd);
void source_finish(struct source *source);
// -ENODATA at the end, -EPROTO at a record that is wrong or not whole; -errno.
int source_next(struct source *source, struct source_record *ret_record);
