#pragma once
// Pixels of lossless rectangles (docs/PROTOCOL.md): raw, QOI 1.0, and QOI's chunks from one deflate stream.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "lib/bytes.h"
#include "lib/wire.h"

#define PIXELS_MAX 262144u // of one rectangle

struct pixels {
    z_stream inflater;
    bool inflating;
    uint8_t *chunks; // room for those of PIXELS_MAX
};

// Where they go: BGRX, rows of `stride` bytes.
struct surface {
    uint8_t *pixels;
    size_t stride;
};

// A zeroed one may be finished. -ENOMEM.
int pixels_init(struct pixels *pixels);
void pixels_finish(struct pixels *pixels);
// Behind a key frame the deflate stream begins anew.
void pixels_restart(struct pixels *pixels);
// Draws what is left in the reader, exactly; the rectangle lies inside the surface. -EPROTO.
int pixels_draw(struct pixels *pixels, enum wire_lossless encoding, unsigned band, struct reader *r,
                struct rectangle rectangle, struct surface surface);
