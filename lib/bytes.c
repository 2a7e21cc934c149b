#include "lib/bytes.h"

#include <endian.h>
#include <string.h>

struct reader reader_of(const void *data, size_t length)
{
    return (struct reader){.data = data, .left = length};
}

const uint8_t *read_bytes(struct reader *r, size_t length)
{
    if (r->failed || length > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *start = r->data;
    r->data += length;
    r->left -= length;
    return start;
}

uint8_t read_u8(struct reader *r)
{
    const uint8_t *p = read_bytes(r, 1);
    return p ? *p : 0;
}

uint16_t read_u16(struct reader *r)
{
    const uint8_t *p = read_bytes(r, sizeof(uint16_t));
    uint16_t value = 0;
    if (p)
        memcpy(&value, p, sizeof(value));
    return le16toh(value);
}

uint32_t read_u32(struct reader *r)
{
    const uint8_t *p = read_bytes(r, sizeof(uint32_t));
    uint32_t value = 0;
    if (p)
        memcpy(&value, p, sizeof(value));
    return le32toh(value);
}

uint64_t read_u64(struct reader *r)
{
    const uint8_t *p = read_bytes(r, sizeof(uint64_t));
    uint64_t value = 0;
    if (p)
        memcpy(&value, p, sizeof(value));
    return le64toh(value);
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->left == 0;
}

struct writer writer_of(void *data, size_t capacity)
{
    return (struct writer){.data = data, .capacity = capacity};
}

void write_bytes(struct writer *w, const void *data, size_t length)
{
    if (w->failed || length > w->capacity - w->length) {
        w->failed = true;
        return;
    }
    if (length > 0)
        memcpy(w->data + w->length, data, length);
    w->length += length;
}

void write_u8(struct writer *w, uint8_t value)
{
    write_bytes(w, &value, sizeof(value));
}

void write_u16(struct writer *w, uint16_t value)
{
    value = htole16(value);
    write_bytes(w, &value, sizeof(value));
}

void write_u32(struct writer *w, uint32_t value)
{
    value = htole32(value);
    write_bytes(w, &value, sizeof(value));
}

void write_u64(struct writer *w, uint64_t value)
{
    value = htole64(value);
    write_bytes(w, &value, sizeof(value));
}
