#include "streaming/lossless.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OP_INDEX 0x00
#define OP_DIFF 0x40
#define OP_LUMA 0x80
#define OP_RUN 0xc0
#define OP_RGB 0xfe
#define RUN_MAX 62u
#define PIXEL_MASK 0xffffffu // BGRX in little endian: the top byte means nothing
#define OPAQUE 0xff000000u
#define WINDOW_BITS (-15) // raw deflate
#define MEMORY_LEVEL 8
// Text: the lowest level that looks for a better match at the next byte, which saves a third and costs no more, as less is left to be written.
#define LEVEL_TEXT 4
#define LEVEL Z_BEST_SPEED
// From so many bytes per hundred pixels on it is a photograph: nothing of it comes twice, but its chunks are far from equally frequent. Huffman's
// codes alone take a third to a half of the bytes at little cost. Beyond the other bound it is noise, and left as it is.
#define PHOTOGRAPH_PERCENT 150u
#define NOISE_PERCENT 300u
#define HEADER_BYTES 14u
#define END_BYTES 8u
#define FLUSH_BYTES 4u // 00 00 ff ff

struct qoi {
    uint8_t *at;
    uint32_t index[64]; // 0xAARRGGBB; a never used entry is 0, which no opaque pixel equals
    uint32_t previous;
    unsigned run;
    // Without references to the index, a letter's chunks are the same wherever it stands, so that deflate finds it again: half the bytes of text.
    bool local;
};

static void put_big_endian(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void end_run(struct qoi *q)
{
    if (q->run == 0)
        return;
    *q->at++ = (uint8_t)(OP_RUN | (q->run - 1));
    q->run = 0;
}

static void put_difference(struct qoi *q, uint32_t pixel)
{
    uint8_t r = (uint8_t)(pixel >> 16), g = (uint8_t)(pixel >> 8), b = (uint8_t)pixel;
    int8_t dr = (int8_t)(r - (uint8_t)(q->previous >> 16));
    int8_t dg = (int8_t)(g - (uint8_t)(q->previous >> 8));
    int8_t db = (int8_t)(b - (uint8_t)q->previous);
    int8_t red = (int8_t)(dr - dg), blue = (int8_t)(db - dg);
    if (dr >= -2 && dr <= 1 && dg >= -2 && dg <= 1 && db >= -2 && db <= 1) {
        *q->at++ = (uint8_t)(OP_DIFF | (dr + 2) << 4 | (dg + 2) << 2 | (db + 2));
    } else if (red >= -8 && red <= 7 && dg >= -32 && dg <= 31 && blue >= -8 && blue <= 7) {
        *q->at++ = (uint8_t)(OP_LUMA | (dg + 32));
        *q->at++ = (uint8_t)((red + 8) << 4 | (blue + 8));
    } else {
        *q->at++ = OP_RGB;
        *q->at++ = r;
        *q->at++ = g;
        *q->at++ = b;
    }
}

static void put_pixel(struct qoi *q, uint32_t pixel)
{
    if (pixel == q->previous) {
        if (++q->run == RUN_MAX)
            end_run(q);
        return;
    }
    end_run(q);
    uint32_t r = pixel >> 16 & 0xff, g = pixel >> 8 & 0xff, b = pixel & 0xff;
    uint32_t slot = (r * 3 + g * 5 + b * 7 + 255 * 11) % 64;
    if (q->index[slot] == pixel && !q->local) {
        *q->at++ = (uint8_t)(OP_INDEX | slot);
    } else {
        put_difference(q, pixel);
        q->index[slot] = pixel;
    }
    q->previous = pixel;
}

static void put_run(struct qoi *q, unsigned length)
{
    for (q->run += length; q->run >= RUN_MAX;) {
        unsigned rest = q->run - RUN_MAX;
        q->run = RUN_MAX;
        end_run(q);
        q->run = rest;
    }
}

int lossless_init(struct lossless *l)
{
    *l = (struct lossless){.chunks = malloc(4 * (size_t)LOSSLESS_PIXELS_MAX)};
    if (!l->chunks)
        return -ENOMEM;
    if (deflateInit2(&l->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        lossless_finish(l);
        return -ENOMEM;
    }
    l->ready = true;
    return 0;
}

void lossless_finish(struct lossless *l)
{
    if (l->ready)
        deflateEnd(&l->stream);
    free(l->chunks);
    *l = (struct lossless){0};
}

void lossless_reset(struct lossless *l)
{
    if (deflateReset(&l->stream) != Z_OK)
        abort();
}

static uint32_t pixel_at(const uint8_t *at)
{
    uint32_t pixel;
    memcpy(&pixel, at, sizeof(pixel));
    return (pixel & PIXEL_MASK) | OPAQUE;
}

static void put_rows(struct qoi *q, const struct image *image, struct rectangle r)
{
    for (unsigned y = 0; y < r.height; y++) {
        const uint8_t *row = image_at(image, r.x, r.y + y);
        for (unsigned x = 0; x < r.width; x++) {
            unsigned begin = x;
            while (x < r.width && pixel_at(row + (size_t)x * 4) == q->previous)
                x++;
            put_run(q, x - begin);
            if (x < r.width)
                put_pixel(q, pixel_at(row + (size_t)x * 4));
        }
    }
}

static void put_columns(struct qoi *q, const struct image *image, struct rectangle r, unsigned band)
{
    for (unsigned top = 0; top < r.height; top += band) {
        unsigned height = r.height - top < band ? r.height - top : band;
        for (unsigned x = 0; x < r.width; x++) {
            const uint8_t *at = image_at(image, r.x + x, r.y + top);
            for (unsigned y = 0; y < height; y++) {
                unsigned begin = y;
                while (y < height && pixel_at(at + y * image->stride) == q->previous)
                    y++;
                put_run(q, y - begin);
                if (y < height)
                    put_pixel(q, pixel_at(at + y * image->stride));
            }
        }
    }
}

enum wire_lossless lossless_prepare(struct lossless *l, const struct image *image, struct rectangle r,
                                    unsigned band)
{
    size_t pixels = (size_t)r.width * r.height;
    if (pixels > LOSSLESS_PIXELS_MAX)
        abort();
    struct qoi q = {.at = l->chunks, .previous = OPAQUE, .local = band > 0};
    if (band > 0)
        put_columns(&q, image, r, band);
    else
        put_rows(&q, image, r);
    end_run(&q);
    l->length = (size_t)(q.at - l->chunks);
    l->level = band > 0 ? LEVEL_TEXT : LEVEL;
    bool photograph = band == 0 && l->length * 100 > pixels * PHOTOGRAPH_PERCENT;
    l->strategy = photograph ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY;
    // A QOI image has its pixels in rows.
    bool noise = band == 0 && l->length * 100 > pixels * NOISE_PERCENT;
    return noise ? WIRE_LOSSLESS_QOI : WIRE_LOSSLESS_DEFLATED;
}

static void write_image(struct lossless *l, struct writer *w, struct rectangle r)
{
    uint8_t header[HEADER_BYTES] = {'q', 'o', 'i', 'f', [12] = 3}; // 3 channels, sRGB
    put_big_endian(header + 4, r.width);
    put_big_endian(header + 8, r.height);
    write_bytes(w, header, sizeof(header));
    write_bytes(w, l->chunks, l->length);
    static const uint8_t end[END_BYTES] = {[END_BYTES - 1] = 1};
    write_bytes(w, end, sizeof(end));
}

static void write_deflated(struct lossless *l, struct writer *w)
{
    if (w->failed)
        return;
    size_t room = w->capacity - w->length;
    l->stream.avail_in = 0;
    l->stream.next_out = w->data + w->length;
    l->stream.avail_out = (uInt)room;
    if (deflateParams(&l->stream, l->level, l->strategy) != Z_OK) {
        w->failed = true;
        return;
    }
    l->stream.next_in = l->chunks;
    l->stream.avail_in = (uInt)l->length;
    // Each message ends on a byte's boundary, with the empty stored block whose last four bytes are always the same and not sent.
    int result = deflate(&l->stream, Z_SYNC_FLUSH);
    size_t length = room - l->stream.avail_out;
    if (result != Z_OK || l->stream.avail_in > 0 || l->stream.avail_out == 0 || length < FLUSH_BYTES) {
        w->failed = true;
        return;
    }
    w->length += length - FLUSH_BYTES;
}

void lossless_write(struct lossless *l, struct writer *w, enum wire_lossless encoding, struct rectangle r)
{
    if (encoding == WIRE_LOSSLESS_QOI)
        write_image(l, w, r);
    else
        write_deflated(l, w);
}
