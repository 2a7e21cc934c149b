// Pixels of a sandbox to lossless rectangles and back: whatever they are, the browser gets them exactly, over one deflate stream.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "streaming/lossless.h"

#define SIDE 48u
#define RECTANGLES 8u // of one input
#define HEADER 5u
#define QOI_HEADER 14u
#define QOI_END 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t hash_of(uint32_t pixel)
{
    return ((pixel >> 16 & 255) * 3 + (pixel >> 8 & 255) * 5 + (pixel & 255) * 7 + 255 * 11) & 63;
}

static uint32_t moved(uint32_t pixel, int red, int green, int blue)
{
    return (uint32_t)((int)(pixel >> 16) + red & 255) << 16 |
           (uint32_t)((int)(pixel >> 8) + green & 255) << 8 | (uint32_t)((int)pixel + blue & 255);
}

// Chunks of QOI 1.0, RGB, to 0xRRGGBB; aborts when they are not exactly `count` pixels.
static void decode(const uint8_t *at, const uint8_t *end, uint32_t *pixels, size_t count)
{
    uint32_t index[64] = {0}, pixel = 0;
    for (size_t i = 0; i < count;) {
        if (at == end)
            abort();
        uint8_t tag = *at++;
        size_t run = 1;
        if (tag == 0xfe) {
            if (end - at < 3)
                abort();
            pixel = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
            at += 3;
        } else if (tag >> 6 == 0) {
            pixel = index[tag];
        } else if (tag >> 6 == 1) {
            pixel = moved(pixel, (tag >> 4 & 3) - 2, (tag >> 2 & 3) - 2, (tag & 3) - 2);
        } else if (tag >> 6 == 2) {
            if (at == end)
                abort();
            int green = (tag & 63) - 32;
            pixel = moved(pixel, green - 8 + (*at >> 4), green, green - 8 + (*at & 15));
            at++;
        } else {
            run = (size_t)(tag & 63) + 1;
        }
        index[hash_of(pixel)] = pixel;
        for (; run > 0; run--) {
            if (i == count)
                abort();
            pixels[i++] = pixel;
        }
    }
    if (at != end)
        abort();
}

// Rows of pixels that came by columns within bands.
static size_t place(unsigned i, struct rectangle r, unsigned band)
{
    if (band == 0)
        return i;
    unsigned first = i / (band * r.width) * band;
    unsigned rows = first + band < r.height ? band : r.height - first;
    unsigned inside = i - first * r.width;
    return (size_t)(first + inside % rows) * r.width + inside / rows;
}

static void check(const uint32_t *screen, struct rectangle r, unsigned band, const uint8_t *chunks,
                  size_t length)
{
    static uint32_t pixels[SIDE * SIDE];
    decode(chunks, chunks + length, pixels, (size_t)r.width * r.height);
    for (unsigned i = 0; i < (unsigned)r.width * r.height; i++) {
        size_t at = place(i, r, band);
        if (pixels[i] != (screen[(r.y + at / r.width) * SIDE + r.x + at % r.width] & 0xffffff))
            abort();
    }
}

static void inflate_and_check(z_stream *stream, const uint32_t *screen, struct rectangle r, unsigned band,
                              uint8_t *data, size_t length)
{
    static uint8_t chunks[SIDE * SIDE * 4 + 1];
    memcpy(data + length, "\0\0\xff\xff", 4);
    stream->next_in = data;
    stream->avail_in = (uInt)length + 4;
    stream->next_out = chunks;
    stream->avail_out = sizeof(chunks);
    if (inflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0 || stream->avail_out == 0)
        abort();
    check(screen, r, band, chunks, sizeof(chunks) - stream->avail_out);
}

static struct rectangle rectangle_of(const uint8_t *d)
{
    uint16_t x = d[0] % SIDE, y = d[1] % SIDE;
    return (struct rectangle){x, y, (uint16_t)(d[2] % (SIDE - x) + 1), (uint16_t)(d[3] % (SIDE - y) + 1)};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t screen[SIDE * SIDE];
    static uint8_t message[LOSSLESS_BYTES_MAX(SIDE * SIDE) + 32];
    static struct lossless lossless;
    static z_stream stream;
    static bool ready;
    if (!ready && (lossless_init(&lossless) || inflateInit2(&stream, -15) != Z_OK))
        abort();
    ready = true;
    lossless_reset(&lossless);
    inflateReset(&stream);
    memset(screen, 0, sizeof(screen));
    for (unsigned n = 0; n < RECTANGLES && size > HEADER; n++) {
        struct rectangle r = rectangle_of(data);
        unsigned band = data[4] % 33;
        data += HEADER;
        size -= HEADER;
        // What the program has drawn: the bytes that follow, over and over.
        size_t drawn = size < 64 ? size : 64;
        for (size_t i = 0; i < (size_t)r.width * r.height; i++)
            screen[(r.y + i / r.width) * SIDE + r.x + i % r.width] =
                data[i % drawn] * 0x10101u + data[(i * 7 + 3) % drawn] % 4u;
        struct image image = {.width = SIDE, .height = SIDE, .stride = SIDE * 4, .pixels = (uint8_t *)screen};
        enum wire_lossless encoding = lossless_prepare(&lossless, &image, r, band);
        struct writer w = writer_of(message, LOSSLESS_BYTES_MAX((size_t)r.width * r.height));
        lossless_write(&lossless, &w, encoding, r);
        if (w.failed)
            abort();
        if (encoding == WIRE_LOSSLESS_DEFLATED)
            inflate_and_check(&stream, screen, r, band, message, w.length);
        else
            check(screen, r, 0, message + QOI_HEADER, w.length - QOI_HEADER - QOI_END);
        data += drawn;
        size -= drawn;
    }
    return 0;
}
