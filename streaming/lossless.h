#pragma once
// Pixels without loss: QOI 1.0 chunks (qoiformat.org), RGB, straight from BGRX. What compresses goes through one deflate stream (RFC 1951)
// that lasts from key frame to key frame, so that a letter which the browser has seen before costs a few bytes; noise does not, and goes as plain
// QOI images.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "lib/bytes.h"
#include "lib/wire.h"
#include "streaming/image.h"

// Of one lossless rectangle. Browsers decode on their main thread, at some 50 pixels per microsecond.
#define LOSSLESS_PIXELS_MAX 262144u
// Header, 4 bytes per pixel, end marker.
#define LOSSLESS_BYTES_MAX(pixels) (14u + 4u * (size_t)(pixels) + 8u)

struct lossless {
    z_stream stream;
    uint8_t *chunks;     // of one rectangle
    size_t length;       // of the chunks
    int level, strategy; // of their compression
    bool ready;
};

int lossless_init(struct lossless *l);
void lossless_finish(struct lossless *l);
// Forgets what was sent: called with each key frame.
void lossless_reset(struct lossless *l);

// Makes the chunks of the rectangle (inside the image, at most LOSSLESS_PIXELS_MAX). Pixels are taken row by row or, with a band, column by
// column within bands of so many rows, which makes a letter one run of bytes. Returns how it is best written.
enum wire_lossless lossless_prepare(struct lossless *l, const struct image *image, struct rectangle rectangle,
                                    unsigned band);
// Appends what was prepared; the writer fails when it does not fit, which needs LOSSLESS_BYTES_MAX.
void lossless_write(struct lossless *l, struct writer *w, enum wire_lossless encoding,
                    struct rectangle rectangle);
