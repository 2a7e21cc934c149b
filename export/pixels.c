#include "export/pixels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define CHUNKS_MAX (4u * PIXELS_MAX + 1u) // one more, so that a stream that goes on shows
#define WINDOW_BITS (-15)                 // raw deflate
#define BLACK_OPAQUE                                                                                         \
    {                                                                                                        \
        0, 0, 0, 255                                                                                         \
    }

int pixels_init(struct pixels *pixels)
{
    *pixels = (struct pixels){.chunks = malloc(CHUNKS_MAX)};
    pixels->inflating = pixels->chunks && inflateInit2(&pixels->inflater, WINDOW_BITS) == Z_OK;
    return pixels->inflating ? 0 : -ENOMEM;
}

void pixels_finish(struct pixels *pixels)
{
    if (pixels->inflating)
        inflateEnd(&pixels->inflater);
    free(pixels->chunks);
    *pixels = (struct pixels){0};
}

void pixels_restart(struct pixels *pixels)
{
    inflateReset(&pixels->inflater);
}

// Which pixel comes as number i: row by row or, with a band, column by column within bands of so many rows.
struct walk {
    struct surface surface;
    struct rectangle area;
    unsigned band; // 0: by rows
    unsigned x, y; // of the next one, in the area
    unsigned top;  // of the band
};

static struct walk walk_of(struct surface surface, struct rectangle area, unsigned band)
{
    return (struct walk){.surface = surface, .area = area, .band = band};
}

static uint8_t *walk_next(struct walk *w)
{
    uint8_t *pixel =
        w->surface.pixels + (size_t)(w->area.y + w->y) * w->surface.stride + (size_t)(w->area.x + w->x) * 4;
    if (w->band == 0) {
        if (++w->x == w->area.width) {
            w->x = 0;
            w->y++;
        }
        return pixel;
    }
    unsigned left = w->area.height - w->top;
    unsigned bottom = w->top + (left < w->band ? left : w->band);
    if (++w->y == bottom) {
        w->y = w->top;
        if (++w->x == w->area.width) {
            w->x = 0;
            w->y = w->top = bottom;
        }
    }
    return pixel;
}

// One chunk of QOI 1.0 into `pixel` (RGBA). How many more pixels are the same; or -EPROTO.
static int read_chunk(struct reader *r, uint8_t index[64][4], uint8_t pixel[4])
{
    uint8_t op = read_u8(r);
    int run = 0;
    if (op == 0xfe) {
        for (int i = 0; i < 3; i++)
            pixel[i] = read_u8(r);
    } else if (op == 0xff) {
        return -EPROTO; // a desktop has no alpha
    } else if (op >> 6 == 0) {
        memcpy(pixel, index[op], 4);
    } else if (op >> 6 == 1) {
        for (int i = 0; i < 3; i++)
            pixel[i] = (uint8_t)(pixel[i] + (op >> (4 - 2 * i) & 3) - 2);
    } else if (op >> 6 == 2) {
        uint8_t next = read_u8(r);
        int green = (op & 63) - 32;
        pixel[0] = (uint8_t)(pixel[0] + green + (next >> 4) - 8);
        pixel[1] = (uint8_t)(pixel[1] + green);
        pixel[2] = (uint8_t)(pixel[2] + green + (next & 15) - 8);
    } else {
        run = op & 63;
    }
    memcpy(index[(pixel[0] * 3 + pixel[1] * 5 + pixel[2] * 7 + pixel[3] * 11) % 64], pixel, 4);
    return r->failed ? -EPROTO : run;
}

static int draw_chunks(struct reader *r, struct walk walk)
{
    uint8_t index[64][4] = {0}, pixel[4] = BLACK_OPAQUE;
    int run = 0;
    for (size_t i = (size_t)walk.area.width * walk.area.height; i > 0; i--) {
        run = run > 0 ? run - 1 : read_chunk(r, index, pixel);
        if (run < 0)
            return run;
        uint8_t *to = walk_next(&walk);
        to[0] = pixel[2];
        to[1] = pixel[1];
        to[2] = pixel[0];
        to[3] = 255;
    }
    return run == 0 ? 0 : -EPROTO;
}

static int draw_qoi(struct reader *r, struct walk walk)
{
    uint16_t width = walk.area.width, height = walk.area.height;
    const uint8_t expected[14] = {'q',
                                  'o',
                                  'i',
                                  'f',
                                  0,
                                  0,
                                  (uint8_t)(width >> 8),
                                  (uint8_t)width,
                                  0,
                                  0,
                                  (uint8_t)(height >> 8),
                                  (uint8_t)height,
                                  3,
                                  0};
    static const uint8_t mark[8] = {[7] = 1};
    const uint8_t *header = read_bytes(r, sizeof(expected));
    if (!header || memcmp(header, expected, sizeof(expected)) != 0)
        return -EPROTO;
    int error = draw_chunks(r, walk);
    const uint8_t *end = error ? NULL : read_bytes(r, sizeof(mark));
    return end && memcmp(end, mark, sizeof(mark)) == 0 && reader_done(r) ? 0 : -EPROTO;
}

static int draw_raw(struct reader *r, struct walk walk)
{
    size_t row = (size_t)walk.area.width * 4;
    for (unsigned y = 0; y < walk.area.height; y++) {
        const uint8_t *bytes = read_bytes(r, row);
        if (!bytes)
            return -EPROTO;
        memcpy(walk.surface.pixels + (size_t)(walk.area.y + y) * walk.surface.stride +
                   (size_t)walk.area.x * 4,
               bytes, row);
    }
    return reader_done(r) ? 0 : -EPROTO;
}

static int inflate_part(struct pixels *pixels, const uint8_t *data, size_t length)
{
    z_stream *stream = &pixels->inflater;
    stream->next_in = (uint8_t *)(uintptr_t)data; // zlib does not write there
    stream->avail_in = (uInt)length;
    int status = inflate(stream, Z_SYNC_FLUSH);
    return (status == Z_OK || status == Z_BUF_ERROR) && stream->avail_in == 0 ? 0 : -EPROTO;
}

static int draw_deflated(struct pixels *pixels, struct reader *r, struct walk walk)
{
    static const uint8_t flush[4] = {0, 0, 0xff, 0xff};
    size_t length = r->left;
    const uint8_t *data = read_bytes(r, length);
    size_t room = 4 * (size_t)walk.area.width * walk.area.height + 1;
    pixels->inflater.next_out = pixels->chunks;
    pixels->inflater.avail_out = (uInt)room;
    int error = length > 0 ? inflate_part(pixels, data, length) : -EPROTO;
    if (!error)
        error = inflate_part(pixels, flush, sizeof(flush));
    if (error)
        return error;
    struct reader chunks = reader_of(pixels->chunks, room - pixels->inflater.avail_out);
    error = draw_chunks(&chunks, walk);
    return error ? error : reader_done(&chunks) ? 0 : -EPROTO;
}

int pixels_draw(struct pixels *pixels, enum wire_lossless encoding, unsigned band, struct reader *r,
                struct rectangle rectangle, struct surface surface)
{
    struct walk walk = walk_of(surface, rectangle, band);
    if ((size_t)rectangle.width * rectangle.height > PIXELS_MAX ||
        (band && encoding != WIRE_LOSSLESS_DEFLATED))
        return -EPROTO;
    switch (encoding) {
    case WIRE_LOSSLESS_QOI:
        return draw_qoi(r, walk);
    case WIRE_LOSSLESS_RAW:
        return draw_raw(r, walk);
    case WIRE_LOSSLESS_DEFLATED:
        return draw_deflated(pixels, r, walk);
    }
    return -EPROTO;
}
