#include "streaming/lossless.h"

#include <string.h>

#define OP_INDEX 0x00
#define OP_DIFF 0x40
#define OP_LUMA 0x80
#define OP_RUN 0xc0
#define OP_RGB 0xfe
#define RUN_MAX 62u
#define PIXEL_MASK 0xffffffu // BGRX in little endian: the top byte means nothing
#define OPAQUE 0xff000000u

struct qoi {
    uint8_t *at;
    uint32_t index[64]; // 0xAARRGGBB; a never used entry is 0, which no opaque pixel equals
    uint32_t previous;
    unsigned run;
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
    if (q->index[slot] == pixel) {
        *q->at++ = (uint8_t)(OP_INDEX | slot);
    } else {
        put_difference(q, pixel);
        q->index[slot] = pixel;
    }
    q->previous = pixel;
}

void lossless_encode(struct writer *w, const struct framebuffer *framebuffer, struct rectangle r)
{
    if (w->failed || LOSSLESS_BYTES_MAX((size_t)r.width * r.height) > w->capacity - w->length) {
        w->failed = true;
        return;
    }
    uint8_t *start = w->data + w->length;
    memcpy(start, "qoif", 4);
    put_big_endian(start + 4, r.width);
    put_big_endian(start + 8, r.height);
    start[12] = 3; // channels
    start[13] = 0; // sRGB
    struct qoi q = {.at = start + 14, .previous = OPAQUE};
    for (unsigned y = 0; y < r.height; y++) {
        const uint8_t *row = framebuffer_at(framebuffer, r.x, r.y + y);
        for (unsigned x = 0; x < r.width; x++) {
            uint32_t pixel; // read once: the sandbox may change it meanwhile
            memcpy(&pixel, row + (size_t)x * 4, sizeof(pixel));
            put_pixel(&q, (pixel & PIXEL_MASK) | OPAQUE);
        }
    }
    end_run(&q);
    static const uint8_t end[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    memcpy(q.at, end, sizeof(end));
    w->length += (size_t)(q.at + sizeof(end) - start);
}
