#pragma once
// QOI 1.0 (qoiformat.org), RGB, straight from BGRX pixels.

#include <stddef.h>
#include <stdint.h>

#include "lib/bytes.h"
#include "lib/wire.h"
#include "streaming/framebuffer.h"

// Pixels of one lossless rectangle: browsers decode QOI on their main thread at some 50 pixels per
// microsecond.
#define LOSSLESS_PIXELS_MAX 65536u
// Header, 4 bytes per pixel, end marker.
#define LOSSLESS_BYTES_MAX(pixels) (14u + 4u * (size_t)(pixels) + 8u)

// Appends the rectangle (inside the framebuffer) as one QOI image; the writer fails when LOSSLESS_BYTES_MAX
// bytes don't fit.
void lossless_encode(struct writer *w, const struct framebuffer *framebuffer, struct rectangle rectangle);
