#include "export/moments.h"

#include "lib/bytes.h"
#include "lib/wire.h"

#define CLOCK_MAX_US (UINT64_C(1) << 62) // differences of such times fit into 64 bits

static bool read_captured(const uint8_t *message, size_t length, uint64_t *ret_us)
{
    struct reader r = reader_of(message, length);
    uint8_t kind = read_u8(&r);
    read_bytes(&r, 3);
    if (kind >= WIRE_VIDEO_FRAME && kind <= WIRE_COPY_RECTANGLE)
        read_bytes(&r, 8); // sequence, input
    else if (kind != WIRE_AUDIO)
        return false;
    uint64_t captured_us = read_u64(&r);
    if (r.failed || captured_us > CLOCK_MAX_US)
        return false;
    *ret_us = captured_us;
    return true;
}

void moments_learn(struct moments *moments, uint64_t record_us, const uint8_t *message, size_t length)
{
    uint64_t captured_us;
    if (record_us > CLOCK_MAX_US || !read_captured(message, length, &captured_us))
        return;
    int64_t offset_us = (int64_t)record_us - (int64_t)captured_us;
    if (!moments->known || offset_us < moments->offset_us)
        moments->offset_us = offset_us;
    moments->known = true;
}

uint64_t moments_of(const struct moments *moments, uint64_t record_us, const uint8_t *message, size_t length)
{
    uint64_t captured_us;
    if (!moments->known || record_us > CLOCK_MAX_US || !read_captured(message, length, &captured_us))
        return record_us;
    int64_t late_us = (int64_t)record_us - (int64_t)captured_us - moments->offset_us;
    return late_us < 0 || late_us > MOMENTS_LATE_US || (uint64_t)late_us > record_us
               ? record_us
               : record_us - (uint64_t)late_us;
}
