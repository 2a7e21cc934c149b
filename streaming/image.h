#pragma once
// Pixels as the X server has them: BGRX, 4 bytes each.

#include <stddef.h>
#include <stdint.h>

struct image {
    const uint8_t *pixels;
    size_t stride; // bytes per row
    uint16_t width, height;
};

static inline const uint8_t *image_at(const struct image *image, unsigned x, unsigned y)
{
    return image->pixels + y * image->stride + (size_t)x * 4;
}
