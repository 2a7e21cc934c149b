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

int picture_init(struct picture *p, uint16_t display_width, uint16_t display_height)
{
    // libyuv asks for the processor's abilities on first use, on some processors by reading a file: that is now or never.
    InitCpuFlags();
    *p = (struct picture){.width = (uint16_t)((display_width + 1u) & ~1u),
                          .height = (uint16_t)((display_height + 1u) & ~1u)};
    for (int i = 0; i < 3; i++) {
        size_t stride = aligned(i == 0 ? p->width : p->width / 2u);
        size_t size = stride * (i == 0 ? p->height : p->height / 2u);
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

void picture_convert(struct picture *p, const struct image *image, struct rectangle r)
{
    if ((r.x | r.y) & 1)
        abort();
    uint8_t *y = p->planes[0] + (size_t)r.y * (size_t)p->strides[0] + r.x;
    uint8_t *u = p->planes[1] + (size_t)(r.y / 2) * (size_t)p->strides[1] + r.x / 2;
    uint8_t *v = p->planes[2] + (size_t)(r.y / 2) * (size_t)p->strides[2] + r.x / 2;
    ARGBToJ420(image_at(image, r.x, r.y), (int)image->stride, y, p->strides[0], u,
               p->strides[1], v, p->strides[2], r.width, r.height);
}

struct picture picture_part(const struct picture *p, struct rectangle part)
{
    struct picture view = {.width = part.width, .height = part.height};
    for (int i = 0; i < 3; i++) {
        unsigned shift = i > 0;
        view.strides[i] = p->strides[i];
        view.planes[i] = p->planes[i] + (size_t)(part.y >> shift) * (size_t)p->strides[i] + (part.x >> shift);
    }
    return view;
}
