#include "streaming/update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "streaming/clock.h"
#include "streaming/lossless.h"

#define REPAIR_CELLS_MAX (LOSSLESS_PIXELS_MAX / (MACROBLOCK * MACROBLOCK))

// What has the display's size: made for it, and anew for another.
static int make_sized(struct update *u, uint16_t width, uint16_t height)
{
    int error = grid_init(&u->grid, width, height);
    if (error)
        return error;
    u->quantizers = calloc(u->grid.count, 1);
    if (!u->quantizers)
        return -ENOMEM;
    error = picture_init(&u->picture, width, height);
    if (error)
        return error;
    struct encoder_settings settings = {.width = u->picture.width,
                                        .height = u->picture.height,
                                        .framerate = u->start->framerate,
                                        .codec = u->start->codec,
                                        .preset = u->start->preset,
                                        .tune = u->start->tune};
    u->key_needed = true;
    return encoder_new(&settings, &u->encoder);
}

static void free_sized(struct update *u)
{
    encoder_free(u->encoder);
    u->encoder = NULL;
    free(u->quantizers);
    u->quantizers = NULL;
    picture_finish(&u->picture);
    grid_finish(&u->grid);
}

int update_init(struct update *u, const struct streamer_start *start, int framebuffer_fd,
                struct outbox *outbox)
{
    *u = (struct update){.start = start, .outbox = outbox};
    int error =
        framebuffer_init(&u->framebuffer, framebuffer_fd, (uint16_t)start->width, (uint16_t)start->height);
    if (error)
        return error;
    // The X server tells the size later; what is wrong with the settings shows now.
    error = make_sized(u, DISPLAY_WIDTH_MIN, DISPLAY_HEIGHT_MIN);
    if (error)
        return error;
    uint64_t now = clock_us();
    pace_init(&u->pace, start->framerate, start->bitrate_kbps, now);
    u->statistics.reported_us = now;
    return 0;
}

int update_resize(struct update *u, uint16_t width, uint16_t height)
{
    if (width == u->grid.width && height == u->grid.height)
        return 0;
    free_sized(u);
    return make_sized(u, width, height);
}

void update_finish(struct update *u)
{
    free_sized(u);
    framebuffer_finish(&u->framebuffer);
    *u = (struct update){0};
}

bool update_repairs(const struct update *u)
{
    return u->grid.lossy > 0;
}

void update_refresh(struct update *u)
{
    u->key_needed = true;
}

static uint32_t microseconds(uint64_t from, uint64_t to)
{
    uint64_t passed = to - from;
    return passed < UINT32_MAX ? (uint32_t)passed : UINT32_MAX;
}

static struct wire_frame_header make_header(const struct update *u, const struct update_moment *moment)
{
    return (struct wire_frame_header){
        .sequence = u->sequence + 1,
        .input = moment->input,
        .captured_us = moment->now_us,
        .waited_us = moment->damaged_us ? microseconds(moment->damaged_us, moment->now_us) : 0,
    };
}

static uint32_t milliseconds(uint64_t us)
{
    return (uint32_t)(us / 1000);
}

static int put_lossless(struct update *u, const struct update_moment *moment, struct rectangle r)
{
    uint64_t start = clock_us();
    struct wire_frame_header header = make_header(u, moment);
    struct writer w = outbox_begin(u->outbox);
    wire_write_lossless(&w, &header, r, WIRE_LOSSLESS_QOI);
    struct writer head = writer_of(w.data, w.length);
    lossless_encode(&w, &u->framebuffer, r);
    header.encoded_us = microseconds(start, clock_us());
    wire_write_lossless(&head, &header, r, WIRE_LOSSLESS_QOI); // once more, now that the time is known
    int error = outbox_end(u->outbox, &w);
    if (error)
        return error;
    u->sequence++;
    return 0;
}

static void mark_sent(struct update *u, const struct rectangle *rectangles, size_t count, bool lossy,
                      uint64_t now_us)
{
    for (size_t i = 0; i < count; i++) {
        grid_clear(&u->grid, rectangles[i], lossy ? CELL_DAMAGED : CELL_DAMAGED | CELL_LOSSY);
        if (lossy)
            grid_set(&u->grid, rectangles[i], CELL_LOSSY);
        grid_stamp(&u->grid, rectangles[i], milliseconds(now_us));
    }
}

// Tries the damage as lossless rectangles. false, with nothing changed, when they are too many pixels, or larger than the rate allows.
static bool send_lossless(struct update *u, const struct update_moment *moment)
{
    struct rectangle rectangles[UPDATE_LOSSLESS_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_DAMAGED, UPDATE_LOSSLESS_MAX, rectangles);
    if (rectangles_area(rectangles, count) > LOSSLESS_PIXELS_MAX)
        return false;
    struct outbox_position before = outbox_position(u->outbox);
    uint32_t sequence = u->sequence;
    size_t allowance = pace_allowance(&u->pace, moment->now_us);
    for (size_t i = 0; i < count; i++) {
        if (put_lossless(u, moment, rectangles[i]) || u->outbox->length - before.length > allowance) {
            outbox_rewind(u->outbox, before);
            u->sequence = sequence;
            return false;
        }
    }
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    mark_sent(u, rectangles, count, false, moment->now_us);
    pace_sent(&u->pace, moment->now_us, u->sequence, u->outbox->length - before.length, PACE_FINE);
    return true;
}

// Converts the rectangles and tells the encoder that the rest is as it was.
static void convert(struct update *u, const struct rectangle *rectangles, size_t count)
{
    uint8_t *unchanged = encoder_unchanged(u->encoder);
    memset(unchanged, 1, u->grid.count);
    for (size_t i = 0; i < count; i++) {
        struct rectangle r = rectangles[i];
        picture_convert(&u->picture, &u->framebuffer, r);
        size_t columns = (r.width + MACROBLOCK - 1) / MACROBLOCK,
               rows = (r.height + MACROBLOCK - 1) / MACROBLOCK;
        for (size_t row = 0; row < rows; row++)
            memset(unchanged + (r.y / MACROBLOCK + row) * u->grid.columns + r.x / MACROBLOCK, 0, columns);
    }
}

// The encoder refines unchanged macroblocks that are coarser than the frame: bytes that nobody sees, but that have to be reckoned with.
static struct pace_work reckon_work(const struct update *u)
{
    const uint8_t *unchanged = encoder_unchanged(u->encoder);
    struct pace_work work = {{0}};
    size_t counts[QUANTIZER_WORST + 1] = {0}; // unchanged macroblocks by quantizer
    size_t changed = 0;
    for (size_t cell = 0; cell < u->grid.count; cell++) {
        if (unchanged[cell])
            counts[u->quantizers[cell]]++;
        else
            changed++;
    }
    for (int quantizer = QUANTIZER_WORST, coarser = 0; quantizer >= 0; quantizer--) {
        work.macroblocks[quantizer] = changed + (size_t)coarser;
        coarser += (int)counts[quantizer];
    }
    return work;
}

static void note_quantizer(struct update *u, uint8_t quantizer)
{
    const uint8_t *unchanged = encoder_unchanged(u->encoder);
    for (size_t cell = 0; cell < u->grid.count; cell++) {
        if (!unchanged[cell] || u->quantizers[cell] > quantizer)
            u->quantizers[cell] = quantizer;
    }
}

static int encode(struct update *u, const struct update_moment *moment, struct access_unit *ret_unit,
                  int *ret_quantizer)
{
    struct pace_work work = reckon_work(u);
    int quantizer = pace_quantizer(&u->pace, moment->now_us, &work, u->key_needed);
    int error = encoder_encode(u->encoder, &u->picture, quantizer, u->key_needed, ret_unit);
    if (error)
        return error;
    pace_learn(&u->pace, work.macroblocks[quantizer], u->key_needed, quantizer, ret_unit->length);
    note_quantizer(u, (uint8_t)quantizer);
    *ret_quantizer = quantizer;
    return 0;
}

static int send_video(struct update *u, const struct update_moment *moment,
                      const struct rectangle *rectangles, size_t count)
{
    struct wire_frame_header header = make_header(u, moment);
    uint64_t start = clock_us();
    convert(u, rectangles, count);
    uint64_t converted = clock_us();
    struct access_unit unit;
    int quantizer;
    int error = encode(u, moment, &unit, &quantizer);
    if (error)
        return error;
    header.converted_us = microseconds(start, converted);
    header.encoded_us = microseconds(converted, clock_us());

    struct writer w = outbox_begin(u->outbox);
    wire_write_video_frame(&w, unit.key_frame, &header, rectangles, count);
    write_bytes(&w, unit.data, unit.length);
    if (outbox_end(u->outbox, &w)) {
        // Too large for one message. The encoder went on without the browser: only a key frame, coarser by what was learned, mends that.
        u->key_needed = true;
        u->pace.next_us = moment->now_us + u->pace.interval_us;
        u->statistics.counters.skipped++;
        return 0;
    }
    u->key_needed = false;
    u->sequence++;
    u->statistics.counters.quantizer = (uint32_t)quantizer;
    statistics_encoded(&u->statistics, header.encoded_us);
    mark_sent(u, rectangles, count, true, moment->now_us);
    pace_sent(&u->pace, moment->now_us, u->sequence, w.length,
              quantizer > QUANTIZER_BEST ? PACE_LIMITED : PACE_FINE);
    return 0;
}

int update_damage(struct update *u, const struct update_moment *moment)
{
    if (u->key_needed)
        grid_set_all(&u->grid, CELL_DAMAGED);
    struct rectangle rectangles[RECTANGLES_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_DAMAGED, RECTANGLES_MAX, rectangles);
    if (count == 0)
        return 0;
    u->statistics.counters.captured++;
    if (!u->key_needed && send_lossless(u, moment))
        return 0;
    return send_video(u, moment, rectangles, count);
}

// As much of the rectangle's top left, in whole macroblocks, as one lossless message takes.
static struct rectangle first_piece(struct rectangle r)
{
    unsigned widest = LOSSLESS_PIXELS_MAX / MACROBLOCK;
    r.width = r.width < widest ? r.width : (uint16_t)widest;
    unsigned highest = LOSSLESS_PIXELS_MAX / r.width / MACROBLOCK * MACROBLOCK;
    r.height = r.height < highest ? r.height : (uint16_t)highest;
    return r;
}

int update_repair(struct update *u, const struct update_moment *moment)
{
    uint32_t before = milliseconds(moment->now_us - REPAIR_AFTER_US);
    u->repair_us = moment->now_us + u->pace.interval_us;
    if (grid_choose_repair(&u->grid, before, REPAIR_CELLS_MAX) == 0)
        return 0;
    struct rectangle rectangles[UPDATE_LOSSLESS_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_CHOSEN, UPDATE_LOSSLESS_MAX, rectangles);
    for (size_t cell = 0; cell < u->grid.count; cell++)
        u->grid.cells[cell] &= (uint8_t)~CELL_CHOSEN;
    size_t start = u->outbox->length, pixels = 0;
    size_t allowance = pace_allowance(&u->pace, moment->now_us);
    for (size_t i = 0; i < count && (i == 0 || u->outbox->length - start < allowance); i++) {
        struct rectangle piece = first_piece(rectangles[i]);
        pixels += rectangles_area(&piece, 1);
        if (i > 0 && pixels > LOSSLESS_PIXELS_MAX)
            break;
        int error = put_lossless(u, moment, piece);
        if (error)
            return error;
        mark_sent(u, &piece, 1, false, moment->now_us);
    }
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    pace_sent(&u->pace, moment->now_us, u->sequence, u->outbox->length - start, PACE_REPAIR);
    return 0;
}
