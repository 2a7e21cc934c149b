#include "export/canvas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/video.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/recording.h"

#define CODEC_MAX 64

int canvas_init(struct canvas *canvas)
{
    *canvas = (struct canvas){0};
    int error = cursor_init(&canvas->cursor);
    return error ? error : pixels_init(&canvas->pixels);
}

void canvas_finish(struct canvas *canvas)
{
    video_free(canvas->video);
    pixels_finish(&canvas->pixels);
    free(canvas->picture);
    cursor_finish(&canvas->cursor);
    *canvas = (struct canvas){0};
}

struct display {
    uint16_t width, height;
    char codec[CODEC_MAX];
};

// What hello and display have in common, behind their heads.
static int read_display(struct reader *r, bool hello, struct display *ret_display)
{
    struct display display = {0};
    if (hello && read_u16(r) != WIRE_VERSION)
        return -EPROTO;
    display.width = read_u16(r);
    display.height = read_u16(r);
    if (hello)
        read_u16(r); // frames per second
    size_t length = read_u8(r);
    const uint8_t *codec = read_bytes(r, length);
    if (!codec || !reader_done(r) || length >= sizeof(display.codec) || display.width < DISPLAY_WIDTH_MIN ||
        display.width > DISPLAY_WIDTH_MAX || display.height < DISPLAY_HEIGHT_MIN ||
        display.height > DISPLAY_HEIGHT_MAX)
        return -EPROTO;
    memcpy(display.codec, codec, length);
    *ret_display = display;
    return 0;
}

bool canvas_size_of(const uint8_t *message, size_t length, uint16_t *ret_width, uint16_t *ret_height)
{
    struct reader r = reader_of(message, length);
    uint8_t kind = read_u8(&r);
    struct display display;
    read_bytes(&r, 3);
    if ((kind != WIRE_HELLO && kind != WIRE_DISPLAY) || read_display(&r, kind == WIRE_HELLO, &display) < 0)
        return false;
    *ret_width = display.width;
    *ret_height = display.height;
    return true;
}

// A new decoder; nothing is to be seen before its first key frame.
static int begin(struct canvas *canvas, const struct display *display)
{
    struct video *video;
    int error = video_new(display->codec, &video);
    if (error)
        return error;
    video_free(canvas->video);
    canvas->video = video;
    uint8_t *picture = calloc((size_t)display->width * display->height, 4);
    if (!picture)
        return -ENOMEM;
    free(canvas->picture);
    canvas->picture = picture;
    canvas->width = display->width;
    canvas->height = display->height;
    canvas->shown = false;
    return 0;
}

static int apply_display(struct canvas *canvas, struct reader *r, bool hello)
{
    struct display display;
    int error = read_display(r, hello, &display);
    if (!error && !hello && canvas->width == 0)
        error = -EPROTO;
    if (error)
        return error;
    bool same = display.width == canvas->width && display.height == canvas->height;
    return hello || !same ? begin(canvas, &display) : 0;
}

static int read_rectangle(const struct canvas *canvas, struct reader *r, struct rectangle *ret_rectangle)
{
    struct rectangle a = {.x = read_u16(r), .y = read_u16(r)};
    a.width = read_u16(r);
    a.height = read_u16(r);
    if (r->failed || a.width == 0 || a.height == 0 || a.x + a.width > canvas->width ||
        a.y + a.height > canvas->height)
        return -EPROTO;
    *ret_rectangle = a;
    return 0;
}

static struct surface surface_of(struct canvas *canvas)
{
    return (struct surface){canvas->picture, (size_t)canvas->width * 4};
}

static int apply_video(struct canvas *canvas, struct reader *r, bool key)
{
    struct rectangle rectangles[RECTANGLES_MAX];
    unsigned x = read_u16(r), y = read_u16(r);
    size_t count = read_u16(r);
    if (count < 1 || count > RECTANGLES_MAX || (!key && !canvas->shown))
        return -EPROTO;
    for (size_t i = 0; i < count; i++) {
        if (read_rectangle(canvas, r, &rectangles[i]) < 0)
            return -EPROTO;
    }
    int error = video_decode(canvas->video, r->data, r->left);
    for (size_t i = 0; i < count && !error; i++)
        error = video_paint(canvas->video, x, y, rectangles[i], surface_of(canvas));
    if (error)
        return error;
    if (key)
        pixels_restart(&canvas->pixels);
    canvas->shown = true;
    return 0;
}

static int apply_lossless(struct canvas *canvas, struct reader *r)
{
    struct rectangle area;
    int error = read_rectangle(canvas, r, &area);
    unsigned encoding = read_u8(r), band = read_u8(r);
    if (error || read_u16(r) != 0 || r->failed)
        return -EPROTO;
    return pixels_draw(&canvas->pixels, (enum wire_lossless)encoding, band, r, area, surface_of(canvas));
}

// All of its source is read before it writes: rows go in the order that keeps what is still to be read.
static void copy(struct canvas *canvas, unsigned x, unsigned y, struct rectangle to)
{
    size_t stride = (size_t)canvas->width * 4;
    for (unsigned i = 0; i < to.height; i++) {
        unsigned row = to.y > y ? to.height - 1 - i : i;
        memmove(canvas->picture + (to.y + row) * stride + (size_t)to.x * 4,
                canvas->picture + (y + row) * stride + (size_t)x * 4, (size_t)to.width * 4);
    }
}

static int apply_copies(struct canvas *canvas, struct reader *r)
{
    size_t count = read_u16(r);
    if (count < 1 || count > RECTANGLES_MAX)
        return -EPROTO;
    for (size_t i = 0; i < count; i++) {
        struct rectangle to;
        unsigned x = read_u16(r), y = read_u16(r);
        if (read_rectangle(canvas, r, &to) < 0 || x + to.width > canvas->width ||
            y + to.height > canvas->height)
            return -EPROTO;
        copy(canvas, x, y, to);
    }
    return reader_done(r) ? 0 : -EPROTO;
}

// Of a frame header; the rest of it is of no interest here.
static uint64_t read_captured(struct reader *r)
{
    read_u32(r); // sequence
    read_u32(r); // input
    uint64_t captured_us = read_u64(r);
    read_bytes(r, WIRE_FRAME_HEADER_SIZE - 16);
    return captured_us;
}

bool canvas_continues(const struct canvas *canvas, const uint8_t *message, size_t length)
{
    struct reader r = reader_of(message, length);
    uint8_t kind = read_u8(&r);
    read_bytes(&r, 3);
    return kind >= WIRE_VIDEO_FRAME && kind <= WIRE_COPY_RECTANGLE && canvas->shown &&
           read_captured(&r) == canvas->captured_us;
}

static int apply_frame(struct canvas *canvas, uint8_t kind, bool key, struct reader *r)
{
    canvas->captured_us = read_captured(r);
    if (r->failed || !canvas->video)
        return -EPROTO;
    if (kind == WIRE_VIDEO_FRAME) {
        int error = apply_video(canvas, r, key);
        canvas->changed |= !error;
        return error;
    }
    if (!canvas->shown)
        return -EPROTO;
    canvas->changed = true;
    return kind == WIRE_LOSSLESS_RECTANGLE ? apply_lossless(canvas, r) : apply_copies(canvas, r);
}

static int apply_cursor(struct canvas *canvas, struct reader *r)
{
    int error = cursor_read(&canvas->cursor, r);
    canvas->changed |= !error && canvas->cursor.placed;
    return error;
}

static int apply_pointer(struct canvas *canvas, const uint8_t *message, size_t length)
{
    struct recording_pointer pointer;
    int error = recording_pointer_read(message, length, &pointer);
    if (error)
        return error;
    canvas->cursor.placed = true;
    canvas->cursor.x = pointer.x;
    canvas->cursor.y = pointer.y;
    canvas->changed = true;
    return 0;
}

int canvas_apply(struct canvas *canvas, const uint8_t *message, size_t length)
{
    struct reader r = reader_of(message, length);
    uint8_t kind = read_u8(&r), flags = read_u8(&r);
    if (read_u16(&r) != 0 || r.failed)
        return -EPROTO;
    switch (kind) {
    case WIRE_HELLO:
        return apply_display(canvas, &r, true);
    case WIRE_DISPLAY:
        return apply_display(canvas, &r, false);
    case WIRE_VIDEO_FRAME:
    case WIRE_LOSSLESS_RECTANGLE:
    case WIRE_COPY_RECTANGLE:
        return apply_frame(canvas, kind, flags & WIRE_FLAG_KEY_FRAME, &r);
    case WIRE_CURSOR:
        return apply_cursor(canvas, &r);
    case RECORDING_POINTER:
        return apply_pointer(canvas, message, length);
    case WIRE_CLIPBOARD:
    case WIRE_AUDIO:
    case WIRE_STATISTICS:
        return 0;
    default:
        return -EPROTO;
    }
}
