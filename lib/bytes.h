#pragma once
// Bounded little-endian reading and writing. An overrun never touches memory: it sets `failed`, and every
// later call does nothing (reads give 0), so a codec checks once at its end.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *data;
    size_t left;
    bool failed;
};

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t length;
    bool failed;
};

struct reader reader_of(const void *data, size_t length);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
// The next `length` bytes, borrowed from the reader's buffer; NULL on overrun.
const uint8_t *read_bytes(struct reader *r, size_t length);
// True when everything was read and nothing overran.
bool reader_done(const struct reader *r);

struct writer writer_of(void *data, size_t capacity);
void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_bytes(struct writer *w, const void *data, size_t length);
