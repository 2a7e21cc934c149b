#include "canvas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libyuv/convert_argb.h>

#include "lib/bytes.h"
#include "lib/limits.h"

void canvas_init(struct canvas *c)
{
    *c = (struct canvas){0};
}

void canvas_finish(struct canvas *c)
{
    avcodec_free_context(&c->decoder);
    av_frame_free(&c->frame);
    av_packet_free(&c->packet);
    free(c->pixels);
    if (c->inflating)
        inflateEnd(&c->inflater);
    *c = (struct canvas){0};
}

static void read_hello(struct canvas *c, struct reader *r)
{
    assert_int_equal(read_u16(r), WIRE_VERSION);
    c->width = read_u16(r);
    c->height = read_u16(r);
    read_u16(r);
    size_t length = read_u8(r);
    const uint8_t *codec = read_bytes(r, length);
    assert_true(reader_done(r) && length < sizeof(c->codec));
    memcpy(c->codec, codec, length);
    c->hellos++;
    c->sequence = 0;
    assert_int_equal(inflateInit2(&c->inflater, -15), Z_OK);
    c->inflating = true;
    c->pixels = calloc((size_t)c->width * c->height, 4);
    enum AVCodecID id = memcmp(codec, "vp09", 4) == 0   ? AV_CODEC_ID_VP9
                        : memcmp(codec, "av01", 4) == 0 ? AV_CODEC_ID_AV1
                                                        : AV_CODEC_ID_H264;
    c->decoder = avcodec_alloc_context3(avcodec_find_decoder(id));
    c->decoder->thread_count = 1;
    c->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
    assert_int_equal(avcodec_open2(c->decoder, NULL, NULL), 0);
    c->frame = av_frame_alloc();
    c->packet = av_packet_alloc();
}

// A new size comes with a key frame of all of it: what was there before is nothing that a test may find.
static void read_display(struct canvas *c, struct reader *r)
{
    uint16_t width = read_u16(r), height = read_u16(r);
    assert_true(width >= DISPLAY_WIDTH_MIN && height >= DISPLAY_HEIGHT_MIN);
    size_t length = read_u8(r);
    read_bytes(r, length);
    assert_true(reader_done(r));
    c->displays++;
    if (width == c->width && height == c->height)
        return;
    c->width = width;
    c->height = height;
    free(c->pixels);
    c->pixels = calloc((size_t)width * height, 4);
    c->key_expected = true;
}

static void read_frame_header(struct canvas *c, struct reader *r)
{
    struct wire_frame_header h = {.sequence = read_u32(r), .input = read_u32(r), .captured_us = read_u64(r)};
    h.waited_us = read_u32(r);
    h.converted_us = read_u32(r);
    h.encoded_us = read_u32(r);
    assert_int_equal(h.sequence, c->sequence + 1);
    assert_true(h.input >= c->input && h.captured_us >= c->captured_us);
    c->sequence = h.sequence;
    c->input = h.input;
    c->captured_us = h.captured_us;
    c->header = h;
}

static struct rectangle read_rectangle(struct canvas *c, struct reader *r)
{
    struct rectangle a = {.x = read_u16(r), .y = read_u16(r)};
    a.width = read_u16(r);
    a.height = read_u16(r);
    assert_true(!r->failed && a.width > 0 && a.height > 0);
    assert_true(a.x + a.width <= c->width && a.y + a.height <= c->height);
    return a;
}

static uint8_t *at(struct canvas *c, unsigned x, unsigned y)
{
    return c->pixels + ((size_t)y * c->width + x) * 4;
}

static void decode(struct canvas *c, const uint8_t *data, size_t length)
{
    // The decoder reads past the end in words.
    assert_int_equal(av_new_packet(c->packet, (int)length), 0);
    memcpy(c->packet->data, data, length);
    assert_int_equal(avcodec_send_packet(c->decoder, c->packet), 0);
    av_packet_unref(c->packet);
    // One in, one out: no frame is held back.
    assert_int_equal(avcodec_receive_frame(c->decoder, c->frame), 0);
    assert_int_equal(c->frame->color_range, AVCOL_RANGE_JPEG);
    assert_int_equal(c->frame->colorspace, AVCOL_SPC_SMPTE170M);
}

// The rectangle, which lies at left, top in the decoded picture.
static void paint(struct canvas *c, struct rectangle a, unsigned left, unsigned top)
{
    const AVFrame *f = c->frame;
    bool full = f->format == AV_PIX_FMT_YUV444P || f->format == AV_PIX_FMT_YUVJ444P;
    unsigned shift = full ? 0 : 1;
    const uint8_t *planes[3];
    for (int i = 0; i < 3; i++) {
        unsigned by = i > 0 ? shift : 0;
        planes[i] = f->data[i] + (size_t)(top >> by) * (size_t)f->linesize[i] + (left >> by);
    }
    (full ? J444ToARGB : J420ToARGB)(planes[0], f->linesize[0], planes[1], f->linesize[1], planes[2],
                                     f->linesize[2], at(c, a.x, a.y), c->width * 4, a.width, a.height);
}

static void read_video(struct canvas *c, struct reader *r, bool key)
{
    read_frame_header(c, r);
    unsigned x = read_u16(r), y = read_u16(r);
    size_t count = read_u16(r);
    assert_true(x % 16 == 0 && y % 16 == 0 && count >= 1 && count <= RECTANGLES_MAX);
    struct rectangle rectangles[RECTANGLES_MAX];
    for (size_t i = 0; i < count; i++)
        rectangles[i] = read_rectangle(c, r);
    assert_true(r->left > 4);
    if (c->video_frames == 0)
        assert_true(key && c->sequence == 1);
    assert_true(key || !c->key_expected);
    c->key_expected = false;
    decode(c, r->data, r->left);
    const AVFrame *f = c->frame;
    for (size_t i = 0; i < count; i++) {
        struct rectangle a = rectangles[i];
        assert_true(a.x % 2 == 0 && a.y % 2 == 0 && a.x >= x && a.y >= y);
        assert_true(a.x + a.width <= x + (unsigned)f->width && a.y + a.height <= y + (unsigned)f->height);
        unsigned left = a.x - x, top = a.y - y;
        paint(c, a, left, top);
    }
    c->last_count = count;
    c->video_frames++;
    c->key_frames += key;
    c->regions += f->width + 16 < c->width || f->height + 16 < c->height;
    if (key)
        assert_int_equal(inflateReset(&c->inflater), Z_OK);
}

// The pixel that comes as number i: row by row or, with a band, column by column within bands of so many rows.
static uint8_t *pixel_of(struct canvas *c, struct rectangle a, unsigned band, unsigned i)
{
    if (band == 0)
        return at(c, a.x + i % a.width, a.y + i / a.width);
    unsigned top = i / (a.width * band) * band;
    unsigned height = a.height - top < band ? a.height - top : band;
    unsigned rest = i - top * a.width;
    return at(c, a.x + rest / height, a.y + top + rest % height);
}

// The chunks of QOI 1.0, written from its specification and not from lossless.c.
static void read_chunks(struct canvas *c, struct reader *r, struct rectangle a, unsigned band)
{
    uint8_t index[64][4] = {0}, pixel[4] = {0, 0, 0, 255};
    unsigned run = 0;
    for (unsigned i = 0; i < (unsigned)a.width * a.height; i++) {
        if (run > 0) {
            run--;
        } else {
            uint8_t op = read_u8(r);
            if (op == 0xfe) {
                for (int k = 0; k < 3; k++)
                    pixel[k] = read_u8(r);
            } else if (op >> 6 == 0) {
                memcpy(pixel, index[op], 4);
            } else if (op >> 6 == 1) {
                for (int k = 0; k < 3; k++)
                    pixel[k] = (uint8_t)(pixel[k] + (op >> (4 - 2 * k) & 3) - 2);
            } else if (op >> 6 == 2) {
                uint8_t next = read_u8(r);
                int green = (op & 63) - 32;
                pixel[0] = (uint8_t)(pixel[0] + green + (next >> 4) - 8);
                pixel[1] = (uint8_t)(pixel[1] + green);
                pixel[2] = (uint8_t)(pixel[2] + green + (next & 15) - 8);
            } else {
                assert_true(op < 0xfe);
                run = op & 63;
            }
            memcpy(index[(pixel[0] * 3 + pixel[1] * 5 + pixel[2] * 7 + pixel[3] * 11) % 64], pixel, 4);
        }
        uint8_t *to = pixel_of(c, a, band, i);
        to[0] = pixel[2];
        to[1] = pixel[1];
        to[2] = pixel[0];
    }
    assert_int_equal(run, 0);
}

static void read_qoi(struct canvas *c, struct reader *r, struct rectangle a)
{
    assert_memory_equal(read_bytes(r, 4), "qoif", 4);
    uint8_t size[8] = {0, 0, (uint8_t)(a.width >> 8),  (uint8_t)a.width,
                       0, 0, (uint8_t)(a.height >> 8), (uint8_t)a.height};
    assert_memory_equal(read_bytes(r, 8), size, 8);
    assert_int_equal(read_u8(r), 3);
    assert_int_equal(read_u8(r), 0);
    read_chunks(c, r, a, 0);
    static const uint8_t end[8] = {[7] = 1};
    assert_memory_equal(read_bytes(r, 8), end, 8);
    assert_true(reader_done(r));
}

static void read_deflated(struct canvas *c, struct reader *r, struct rectangle a, unsigned band)
{
    static const uint8_t flush[4] = {0, 0, 0xff, 0xff};
    size_t room = (size_t)a.width * a.height * 4 + 1, length = r->left;
    uint8_t *chunks = malloc(room), *data = malloc(length + sizeof(flush));
    memcpy(data, read_bytes(r, length), length);
    memcpy(data + length, flush, sizeof(flush));
    c->inflater.next_in = data;
    c->inflater.avail_in = (uInt)(length + sizeof(flush));
    c->inflater.next_out = chunks;
    c->inflater.avail_out = (uInt)room;
    assert_int_equal(inflate(&c->inflater, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(c->inflater.avail_in, 0);
    assert_true(c->inflater.avail_out > 0);
    struct reader inner = reader_of(chunks, room - c->inflater.avail_out);
    read_chunks(c, &inner, a, band);
    assert_true(reader_done(&inner));
    free(data);
    free(chunks);
    c->deflated++;
}

static void read_lossless(struct canvas *c, struct reader *r)
{
    read_frame_header(c, r);
    assert_true(c->video_frames > 0 && !c->key_expected);
    struct rectangle a = read_rectangle(c, r);
    assert_true((size_t)a.width * a.height <= 262144);
    uint8_t encoding = read_u8(r), band = read_u8(r);
    assert_int_equal(read_u16(r), 0);
    if (encoding == WIRE_LOSSLESS_DEFLATED) {
        read_deflated(c, r, a, band);
    } else {
        assert_int_equal(encoding, WIRE_LOSSLESS_QOI);
        assert_int_equal(band, 0);
        read_qoi(c, r, a);
    }
    c->lossless++;
    c->lossless_pixels += (size_t)a.width * a.height;
}

// Each copy reads the picture as the ones before it have left it, and all of its source before it writes.
static void read_copies(struct canvas *c, struct reader *r)
{
    read_frame_header(c, r);
    size_t count = read_u16(r);
    assert_true(c->video_frames > 0 && count >= 1 && count <= RECTANGLES_MAX);
    for (size_t i = 0; i < count; i++) {
        unsigned x = read_u16(r), y = read_u16(r);
        struct rectangle a = read_rectangle(c, r);
        assert_true(x + a.width <= c->width && y + a.height <= c->height);
        size_t row = (size_t)a.width * 4;
        uint8_t *source = malloc(row * a.height);
        for (unsigned k = 0; k < a.height; k++)
            memcpy(source + k * row, at(c, x, y + k), row);
        for (unsigned k = 0; k < a.height; k++)
            memcpy(at(c, a.x, a.y + k), source + k * row, row);
        free(source);
        c->copies++;
        c->copied_pixels += (size_t)a.width * a.height;
        c->last_copy = a;
    }
    assert_true(reader_done(r));
}

static void read_cursor(struct canvas *c, struct reader *r)
{
    c->cursor_width = read_u16(r);
    c->cursor_height = read_u16(r);
    uint16_t hot_x = read_u16(r), hot_y = read_u16(r);
    assert_true(c->cursor_width <= CURSOR_SIDE_MAX && c->cursor_height <= CURSOR_SIDE_MAX);
    assert_true(c->cursor_width == 0 || (hot_x < c->cursor_width && hot_y < c->cursor_height));
    assert_int_equal(r->left, (size_t)c->cursor_width * c->cursor_height * 4);
    c->cursors++;
}

static void read_pointer(struct canvas *c, struct reader *r)
{
    c->pointer_x = read_u16(r);
    c->pointer_y = read_u16(r);
    assert_true(reader_done(r) && c->pointer_x < c->width && c->pointer_y < c->height);
    c->pointers++;
}

// Whether a frame of those flags has to be acknowledged.
static bool ends_update(struct canvas *c, uint8_t flags, uint8_t others)
{
    assert_int_equal(flags & ~(WIRE_FLAG_MORE | others), 0);
    c->grouped += (flags & WIRE_FLAG_MORE) != 0;
    return !(flags & WIRE_FLAG_MORE);
}

bool canvas_apply(struct canvas *c, const uint8_t *message, size_t length)
{
    struct reader r = reader_of(message, length);
    uint8_t kind = read_u8(&r), flags = read_u8(&r);
    assert_int_equal(read_u16(&r), 0);
    c->bytes += length;
    assert_true(kind == WIRE_HELLO || c->hellos == 1);
    switch (kind) {
    case WIRE_HELLO:
        read_hello(c, &r);
        return false;
    case WIRE_VIDEO_FRAME:
        read_video(c, &r, flags & WIRE_FLAG_KEY_FRAME);
        return ends_update(c, flags, WIRE_FLAG_KEY_FRAME);
    case WIRE_LOSSLESS_RECTANGLE:
        read_lossless(c, &r);
        return ends_update(c, flags, 0);
    case WIRE_COPY_RECTANGLE:
        read_copies(c, &r);
        return ends_update(c, flags, 0);
    case WIRE_CURSOR:
        read_cursor(c, &r);
        return false;
    case WIRE_CLIPBOARD:
        c->clipboards++;
        return false;
    case WIRE_DISPLAY:
        read_display(c, &r);
        return false;
    case WIRE_POINTER_PLACE:
        read_pointer(c, &r);
        return false;
    case WIRE_STATISTICS:
        assert_int_equal(length, 4 + 11 * 4);
        read_bytes(&r, 6 * 4);
        c->quantizer = read_u32(&r);
        c->statistics++;
        return false;
    default:
        fail_msg("unknown kind %u", kind);
    }
    return false;
}

size_t canvas_acknowledgement(const struct canvas *c, uint8_t ret_message[static 16])
{
    struct writer w = writer_of(ret_message, 16);
    write_u32(&w, WIRE_ACKNOWLEDGE);
    write_u32(&w, c->sequence);
    write_u32(&w, 1000);
    write_u32(&w, 0);
    return w.length;
}
