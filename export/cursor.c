#include "export/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"

int cursor_init(struct cursor *cursor)
{
    *cursor = (struct cursor){.under = malloc((size_t)CURSOR_SIDE_MAX * CURSOR_SIDE_MAX * 4)};
    return cursor->under ? 0 : -ENOMEM;
}

void cursor_finish(struct cursor *cursor)
{
    free(cursor->pixels);
    free(cursor->under);
    *cursor = (struct cursor){0};
}

int cursor_read(struct cursor *cursor, struct reader *r)
{
    uint16_t width = read_u16(r), height = read_u16(r), hot_x = read_u16(r), hot_y = read_u16(r);
    size_t length = (size_t)width * height * 4;
    const uint8_t *bytes = read_bytes(r, length);
    if (width > CURSOR_SIDE_MAX || height > CURSOR_SIDE_MAX || !reader_done(r))
        return -EPROTO;
    uint8_t *pixels = length ? malloc(length) : NULL;
    if (length && !pixels)
        return -ENOMEM;
    if (length)
        memcpy(pixels, bytes, length);
    free(cursor->pixels);
    cursor->pixels = pixels;
    cursor->width = width;
    cursor->height = height;
    cursor->hot_x = hot_x;
    cursor->hot_y = hot_y;
    return 0;
}

static uint8_t *at(struct surface surface, unsigned x, unsigned y)
{
    return surface.pixels + y * surface.stride + (size_t)x * 4;
}

static void blend(uint8_t *under, const uint8_t *over)
{
    unsigned alpha = over[3];
    for (int i = 0; i < 3; i++) // RGBA over BGRX
        under[i] = (uint8_t)((over[2 - i] * alpha + under[i] * (255 - alpha) + 127) / 255);
}

// From `low` on, `length` pixels of which [0, end) can be seen.
static unsigned clip(int low, unsigned length, unsigned end, unsigned *ret_begin)
{
    int high = low + (int)length;
    int begin = low < 0 ? 0 : low;
    high = high > (int)end ? (int)end : high;
    *ret_begin = (unsigned)begin;
    return high > begin ? (unsigned)(high - begin) : 0;
}

void cursor_draw(struct cursor *cursor, struct surface surface, unsigned width, unsigned height)
{
    int left = (int)cursor->x - cursor->hot_x, top = (int)cursor->y - cursor->hot_y;
    unsigned x, y;
    unsigned columns = clip(left, cursor->width, width, &x), rows = clip(top, cursor->height, height, &y);
    if (!cursor->placed || columns == 0 || rows == 0)
        return;
    cursor->drawn = (struct rectangle){(uint16_t)x, (uint16_t)y, (uint16_t)columns, (uint16_t)rows};
    for (unsigned row = 0; row < rows; row++) {
        uint8_t *to = at(surface, x, y + row);
        const uint8_t *from =
            cursor->pixels + ((size_t)((int)(y + row) - top) * cursor->width + (size_t)((int)x - left)) * 4;
        memcpy(cursor->under + (size_t)row * columns * 4, to, (size_t)columns * 4);
        for (unsigned i = 0; i < columns; i++)
            blend(to + (size_t)i * 4, from + (size_t)i * 4);
    }
}

void cursor_undraw(struct cursor *cursor, struct surface surface)
{
    const struct rectangle *area = &cursor->drawn;
    for (unsigned row = 0; row < area->height; row++)
        memcpy(at(surface, area->x, area->y + row), cursor->under + (size_t)row * area->width * 4,
               (size_t)area->width * 4);
    cursor->drawn = (struct rectangle){0};
}
