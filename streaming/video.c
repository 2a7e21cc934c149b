#include "streaming/video.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "streaming/clock.h"

// A region that is opened again so soon is opened wider than asked for.
#define RESTLESS_US UINT64_C(500000)
// A region that was last used so long ago is given up for a new one.
#define STALE_US UINT64_C(1000000)
#define PADDING 64u
// So many frames tell whether a region is too large, and by which factor.
#define JUDGED_FRAMES 90u
#define OVERSIZE 3u

static size_t area_of(struct rectangle r)
{
    return (size_t)r.width * r.height;
}

static bool covers(struct rectangle outer, struct rectangle inner)
{
    return inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width &&
           inner.y + inner.height <= outer.y + outer.height;
}

// The display as the encoder sees it: rounded up to even sides.
static struct rectangle full_region(const struct video *v)
{
    return (struct rectangle){.width = v->picture.width, .height = v->picture.height};
}

static int open_region(struct video *v, struct rectangle region, uint64_t now_us)
{
    encoder_free(v->encoder);
    v->encoder = NULL;
    struct encoder_settings settings = v->settings;
    settings.width = region.width;
    settings.height = region.height;
    int error = encoder_new(&settings, &v->encoder);
    v->region = error ? (struct rectangle){0} : region;
    v->used = (struct rectangle){0};
    v->frames = 0;
    v->key_needed = true;
    v->opened_us = now_us;
    return error;
}

int video_init(struct video *v, const struct streamer_start *start, const struct grid *grid)
{
    *v = (struct video){.settings = {.framerate = start->framerate,
                                     .bitrate_kbps = start->bitrate_kbps,
                                     .full_chroma = start->full_chroma != 0,
                                     .codec = start->codec,
                                     .preset = start->preset,
                                     .tune = start->tune},
                        .quantizers = calloc(grid->count, 1)};
    if (!v->quantizers)
        return -ENOMEM;
    int error = picture_init(&v->picture, grid->width, grid->height, v->settings.full_chroma);
    if (error)
        return error;
    error = open_region(v, full_region(v), clock_us());
    if (error)
        return error;
    memcpy(v->codec, encoder_codec(v->encoder), sizeof(v->codec));
    return 0;
}

void video_finish(struct video *v)
{
    encoder_free(v->encoder);
    free(v->quantizers);
    picture_finish(&v->picture);
    *v = (struct video){0};
}

void video_rest(struct video *v)
{
    encoder_free(v->encoder);
    v->encoder = NULL;
    v->region = (struct rectangle){0};
}

static struct rectangle padded(const struct video *v, struct rectangle r)
{
    unsigned left = r.x > PADDING ? r.x - PADDING : 0, top = r.y > PADDING ? r.y - PADDING : 0;
    unsigned right = r.x + r.width + PADDING, bottom = r.y + r.height + PADDING;
    right = right < v->picture.width ? right : v->picture.width;
    bottom = bottom < v->picture.height ? bottom : v->picture.height;
    return (struct rectangle){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                              (uint16_t)(bottom - top)};
}

// Whole macroblocks, and at the display's right and bottom all that the picture has.
static struct rectangle needed_region(const struct video *v, const struct grid *grid)
{
    struct rectangle cells = grid_bounds(grid, CELL_VIDEO);
    if (cells.x + cells.width == grid->width)
        cells.width = (uint16_t)(v->picture.width - cells.x);
    if (cells.y + cells.height == grid->height)
        cells.height = (uint16_t)(v->picture.height - cells.y);
    return cells;
}

int video_cover(struct video *v, const struct grid *grid, bool full, uint64_t now_us)
{
    struct rectangle needed = full ? full_region(v) : needed_region(v, grid);
    if (full) {
        v->key_needed = true;
        return area_of(v->region) == area_of(needed) ? 0 : open_region(v, needed, now_us);
    }
    bool oversized = v->frames >= JUDGED_FRAMES &&
                     area_of(rectangles_union(v->used, needed)) * OVERSIZE < area_of(v->region);
    if (v->frames >= JUDGED_FRAMES && !oversized) {
        v->used = (struct rectangle){0};
        v->frames = 0;
    }
    if (covers(v->region, needed) && !oversized) {
        v->used = rectangles_union(v->used, needed);
        v->frames++;
        return 0;
    }
    struct rectangle region = needed;
    if (oversized)
        region = rectangles_union(v->used, needed);
    else if (v->encoder && now_us - v->encoded_us < STALE_US)
        region = rectangles_union(v->region, needed);
    if (!oversized && now_us - v->opened_us < RESTLESS_US)
        region = padded(v, region);
    return open_region(v, region, now_us);
}

static unsigned columns_of(const struct video *v)
{
    return (v->region.width + MACROBLOCK - 1u) / MACROBLOCK;
}

static size_t cells_of(const struct video *v)
{
    return (size_t)columns_of(v) * ((v->region.height + MACROBLOCK - 1u) / MACROBLOCK);
}

// Converts the rectangles and tells the encoder that the rest is as it was. A key frame takes the region as it is.
static void convert(struct video *v, const struct image *image, const struct rectangle *rectangles,
                    size_t count)
{
    uint8_t *unchanged = encoder_unchanged(v->encoder);
    memset(unchanged, 1, cells_of(v));
    if (v->key_needed) {
        struct rectangle all = v->region;
        all.width = all.x + all.width <= image->width ? all.width : (uint16_t)(image->width - all.x);
        all.height = all.y + all.height <= image->height ? all.height : (uint16_t)(image->height - all.y);
        picture_convert(&v->picture, image, all);
        memset(unchanged, 0, cells_of(v));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct rectangle r = rectangles[i];
        picture_convert(&v->picture, image, r);
        size_t columns = (r.width + MACROBLOCK - 1) / MACROBLOCK,
               rows = (r.height + MACROBLOCK - 1) / MACROBLOCK;
        size_t left = (r.x - v->region.x) / MACROBLOCK, top = (r.y - v->region.y) / MACROBLOCK;
        for (size_t row = 0; row < rows; row++)
            memset(unchanged + (top + row) * columns_of(v) + left, 0, columns);
    }
}

// The encoder refines unchanged macroblocks that are coarser than the frame: bytes that nobody sees, but that have to be reckoned with.
static struct pace_work reckon_work(const struct video *v)
{
    const uint8_t *unchanged = encoder_unchanged(v->encoder);
    struct pace_work work = {{0}};
    size_t counts[QUANTIZER_WORST + 1] = {0}; // unchanged macroblocks by quantizer
    size_t changed = 0;
    for (size_t cell = 0; cell < cells_of(v); cell++) {
        if (unchanged[cell])
            counts[v->quantizers[cell]]++;
        else
            changed++;
    }
    for (int quantizer = QUANTIZER_WORST, coarser = 0; quantizer >= 0; quantizer--) {
        work.macroblocks[quantizer] = changed + (size_t)coarser;
        coarser += (int)counts[quantizer];
    }
    return work;
}

static void note_quantizer(struct video *v, uint8_t quantizer)
{
    const uint8_t *unchanged = encoder_unchanged(v->encoder);
    for (size_t cell = 0; cell < cells_of(v); cell++) {
        if (!unchanged[cell] || v->quantizers[cell] > quantizer)
            v->quantizers[cell] = quantizer;
    }
}

int video_encode(struct video *v, struct pace *pace, const struct image *image,
                 const struct rectangle *rectangles, size_t count, uint64_t now_us,
                 struct video_frame *ret_frame)
{
    uint64_t start = clock_us();
    convert(v, image, rectangles, count);
    uint64_t converted = clock_us();
    struct pace_work work = reckon_work(v);
    bool key_frame = v->key_needed;
    int quantizer = pace_quantizer(pace, now_us, &work, key_frame);
    quantizer = quantizer > VIDEO_QUANTIZER_FINEST ? quantizer : VIDEO_QUANTIZER_FINEST;
    struct picture part = picture_part(&v->picture, v->region);
    struct video_frame frame = {.quantizer = quantizer};
    int error = encoder_encode(v->encoder, &part, quantizer, key_frame, &frame.unit);
    if (error)
        return error;
    pace_learn(pace, work.macroblocks[quantizer], key_frame, quantizer, frame.unit.length);
    note_quantizer(v, (uint8_t)quantizer);
    v->key_needed = false;
    v->encoded++;
    v->encoded_us = now_us;
    frame.converted_us = (uint32_t)(converted - start);
    frame.encoded_us = (uint32_t)(clock_us() - converted);
    *ret_frame = frame;
    return 0;
}
