#pragma once
// The encoder's input: a full-range BT.601 picture of the display, I420 or I444, converted only where an update covers
// it.

#include <stdbool.h>
#include <stdint.h>

#include "lib/wire.h"
#include "streaming/image.h"

struct picture {
    uint16_t width, height; // even: the display's size rounded up, which is what 4:2:0 needs
    bool full_chroma;       // 4:4:4: three planes of the same size
    uint8_t *planes[3];
    int strides[3];
};

int picture_init(struct picture *p, uint16_t display_width, uint16_t display_height, bool full_chroma);
void picture_finish(struct picture *p);
// Converts a rectangle with even x and y inside the image.
void picture_convert(struct picture *p, const struct image *image, struct rectangle rectangle);
// A view of the part that the rectangle (even sides, even place, inside the picture) covers; not to be finished.
struct picture picture_part(const struct picture *p, struct rectangle part);
