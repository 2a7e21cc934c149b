#include "streaming/picture.h"

#include <errno.h>
#include <libyuv/convert_from_argb.h>
#include <libyuv/cpu_id.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64u
#define GREY 128

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

// By how much the plane's sides are smaller than the picture's.
static unsigned shift_of(const struct picture *p, int plane)
{
    return plane > 0 && !p->full_chroma;
}

int picture_init(struct picture *p, uint16_t display_width, uint16_t display_height, bool full_chroma)
{
    // libyuv asks for the processor's abilities on first use, on some processors by reading a file: that is now or never.
    InitCpuFlags();
    *p = (struct picture){.width = (uint16_t)((display_width + 1u) & ~1u),
                          .height = (uint16_t)((display_height + 1u) & ~1u),
                          .full_chroma = full_chroma};
    for (int i = 0; i < 3; i++) {
        unsigned shift = shift_of(p, i);
        size_t stride = aligned((size_t)p->width >> shift);
        size_t size = stride * ((size_t)p->height >> shift);
        p->strides[i] = (int)stride;
        p->planes[i] = aligned_alloc(ALIGNMENT, aligned(size));
        if (!p->planes[i]) {
            picture_finish(p);
            return -ENOMEM;
        }
        memset(p->planes[i], i == 0 ? 0 : GREY, size);
    }
    return 0;
}

void picture_finish(struct picture *p)
{
    for (int i = 0; i < 3; i++)
        free(p->planes[i]);
    *p = (struct picture){0};
}

// libyuv has no full-range 4:4:4. Its own factors of ARGBToJ420, so that both look alike.
static void convert_chroma(const uint8_t *bgrx, uint8_t *u, uint8_t *v, size_t width)
{
    for (size_t x = 0; x < width; x++) {
        int b = bgrx[4 * x], g = bgrx[4 * x + 1], r = bgrx[4 * x + 2];
        u[x] = (uint8_t)((127 * b - 84 * g - 43 * r + 0x8080) >> 8);
        v[x] = (uint8_t)((127 * r - 107 * g - 20 * b + 0x8080) >> 8);
    }
}

static void convert_full(struct picture *p, const struct image *image, struct rectangle r)
{
    size_t luma = (size_t)r.y * (size_t)p->strides[0] + r.x;
    size_t chroma = (size_t)r.y * (size_t)p->strides[1] + r.x;
    ARGBToJ400(image_at(image, r.x, r.y), (int)image->stride, p->planes[0] + luma, p->strides[0], r.width,
               r.height);
    for (unsigned y = 0; y < r.height; y++, chroma += (size_t)p->strides[1])
        convert_chroma(image_at(image, r.x, r.y + y), p->planes[1] + chroma, p->planes[2] + chroma, r.width);
}

void picture_convert(struct picture *p, const struct image *image, struct rectangle r)
{
    if ((r.x | r.y) & 1)
        abort();
    if (p->full_chroma) {
        convert_full(p, image, r);
        return;
    }
    uint8_t *y = p->planes[0] + (size_t)r.y * (size_t)p->strides[0] + r.x;
    uint8_t *u = p->planes[1] + (size_t)(r.y / 2) * (size_t)p->strides[1] + r.x / 2;
    uint8_t *v = p->planes[2] + (size_t)(r.y / 2) * (size_t)p->strides[2] + r.x / 2;
    ARGBToJ420(image_at(image, r.x, r.y), (int)image->stride, y, p->strides[0], u, p->strides[1], v,
               p->strides[2], r.width, r.height);
}

struct picture picture_part(const struct picture *p, struct rectangle part)
{
    struct picture view = {.width = part.width, .height = part.height, .full_chroma = p->full_chroma};
    for (int i = 0; i < 3; i++) {
        unsigned shift = shift_of(p, i);
        view.strides[i] = p->strides[i];
        view.planes[i] = p->planes[i] + (size_t)(part.y >> shift) * (size_t)p->strides[i] + (part.x >> shift);
    }
    return view;
}
