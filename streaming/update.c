#include "streaming/update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "streaming/clock.h"
#include "streaming/film.h"

// Of one lossless rectangle of a repair: between two of them the rate is asked again.
#define REPAIR_PIXELS_MAX 65536u
#define REPAIR_CELLS_MAX (4 * REPAIR_PIXELS_MAX / (MACROBLOCK * MACROBLOCK))
#define LOSSLESS_AREA_MAX (4u * LOSSLESS_PIXELS_MAX)
// While nobody does anything, an update without video is followed by a rest of so many times the processor time that it took, so that a
// terminal that floods costs a few per cent of a core: 16 frames a second tell as much as 60 of what nobody can read.
#define REST_FACTOR 60u
#define REST_MAX_US UINT64_C(62000)
#define ATTENTION_US UINT64_C(700000)
// While somebody does, it is a short pause: what is typed takes a tenth of a millisecond, a window that is dragged two.
#define PAUSE_FACTOR 12u
#define PAUSE_MAX_US UINT64_C(30000)
// Heights of a line of text.
#define LINE_ROWS_MIN 6u
#define LINE_ROWS_MAX 48u

// What has the display's size: made for it, and anew for another.
static int make_sized(struct update *u, uint16_t width, uint16_t height)
{
    u->key_needed = true;
    u->live = u->framebuffer.image;
    u->live.width = width;
    u->live.height = height;
    int error = grid_init(&u->grid, width, height);
    if (!error)
        error = screen_init(&u->screen, &u->grid);
    if (!error)
        error = motion_init(&u->motion, &u->grid);
    if (!error)
        error = video_init(&u->video, u->start, &u->grid);
    return error;
}

static void free_sized(struct update *u)
{
    video_finish(&u->video);
    motion_finish(&u->motion);
    screen_finish(&u->screen);
    grid_finish(&u->grid);
}

int update_init(struct update *u, const struct streamer_start *start, int framebuffer_fd,
                struct outbox *outbox)
{
    *u = (struct update){.start = start, .outbox = outbox};
    int error =
        framebuffer_init(&u->framebuffer, framebuffer_fd, (uint16_t)start->width, (uint16_t)start->height);
    if (!error)
        error = lossless_init(&u->lossless);
    // The X server tells the size later; what is wrong with the settings shows now.
    if (!error)
        error = make_sized(u, DISPLAY_WIDTH_MIN, DISPLAY_HEIGHT_MIN);
    if (error)
        return error;
    uint64_t now = clock_us();
    pace_init(&u->pace, start->framerate, start->bitrate_kbps, now);
    u->statistics.reported_us = now - STATISTICS_INTERVAL_US + STATISTICS_FIRST_US;
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
    lossless_finish(&u->lossless);
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

static uint32_t milliseconds(uint64_t us)
{
    return (uint32_t)(us / 1000);
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

// Text is sent by columns within its lines: their height is known from how far text has scrolled, or the rectangle is one line.
static unsigned choose_band(const struct update *u, struct rectangle r)
{
    size_t rich = grid_count(&u->grid, r, CELL_RICH) * MACROBLOCK * MACROBLOCK;
    if (rich * 4 > rectangles_area(&r, 1))
        return 0;
    if (u->line > 0)
        return u->line;
    return r.height <= LINE_ROWS_MAX / 2 ? r.height : 0;
}

static int put_lossless(struct update *u, const struct update_moment *moment, struct rectangle r)
{
    uint64_t start = clock_us();
    struct wire_frame_header header = make_header(u, moment);
    unsigned band = choose_band(u, r);
    enum wire_lossless encoding = lossless_prepare(&u->lossless, &u->screen.shown, r, band);
    struct writer w = outbox_begin(u->outbox);
    wire_write_lossless(&w, &header, r, encoding, (uint8_t)band);
    struct writer head = writer_of(w.data, w.length);
    lossless_write(&u->lossless, &w, encoding, r);
    header.encoded_us = microseconds(start, clock_us());
    wire_write_lossless(&head, &header, r, encoding, (uint8_t)band); // once more, now that the time is known
    int error = outbox_end(u->outbox, &w);
    if (error)
        return error;
    u->sequence++;
    grid_clear_within(&u->grid, r, CELL_LOSSY);
    grid_stamp(&u->grid, r, milliseconds(moment->now_us));
    return 0;
}

// The height of a line: what all scrolls of late are multiples of.
static void learn_line(struct update *u, int scrolled)
{
    unsigned a = (unsigned)abs(scrolled), b = u->step;
    while (b > 0) {
        unsigned rest = a % b;
        a = b;
        b = rest;
    }
    u->step = a >= LINE_ROWS_MIN ? a : (unsigned)abs(scrolled);
    u->line = u->step >= LINE_ROWS_MIN && u->step <= LINE_ROWS_MAX ? u->step : 0;
}

// What plays is new in each frame: no use looking for it elsewhere.
static void choose_searched(struct update *u, uint32_t now_ms)
{
    struct grid *g = &u->grid;
    for (size_t cell = 0; cell < g->count; cell++) {
        if ((g->cells[cell] & CELL_DAMAGED) && !film_plays(g, cell, u->video.region, now_ms))
            g->cells[cell] |= CELL_CHOSEN;
    }
}

// Finds what has moved, and moves it here as the browser will.
static int send_copies(struct update *u, const struct update_moment *moment)
{
    struct offset offsets[MOTION_OFFSETS_MAX];
    struct copy_rectangle copies[MOTION_COPIES_MAX];
    const struct image *shown = &u->screen.shown, *captured = &u->screen.captured;
    size_t count = 0;
    choose_searched(u, milliseconds(moment->now_us));
    size_t offset_count = motion_offsets(&u->motion, shown, captured, &u->grid, offsets);
    for (size_t i = 0; i < offset_count; i++) {
        u->motion.left = MOTION_GAIN_MIN;
        while (count < MOTION_COPIES_MAX && u->motion.left >= MOTION_GAIN_MIN &&
               motion_copy(&u->motion, shown, captured, &u->grid, offsets[i], &copies[count])) {
            if (offsets[i].x == 0)
                learn_line(u, offsets[i].y);
            screen_copy(&u->screen, &u->grid, &copies[count++], milliseconds(moment->now_us));
        }
    }
    grid_clear_all(&u->grid, CELL_CHOSEN);
    if (count == 0)
        return 0;
    struct wire_frame_header header = make_header(u, moment);
    header.encoded_us = microseconds(moment->now_us, clock_us());
    struct writer w = outbox_begin(u->outbox);
    wire_write_copy(&w, &header, copies, count);
    int error = outbox_end(u->outbox, &w);
    if (!error)
        u->sequence++;
    return error;
}

// Sends the rectangle in as many messages as its size needs.
static int send_pieces(struct update *u, const struct update_moment *moment, struct rectangle r)
{
    unsigned rows = LOSSLESS_PIXELS_MAX / r.width;
    for (unsigned top = 0; top < r.height; top += rows) {
        struct rectangle piece = r;
        piece.y = (uint16_t)(r.y + top);
        piece.height = (uint16_t)(r.height - top < rows ? r.height - top : rows);
        int error = put_lossless(u, moment, piece);
        if (error)
            return error;
    }
    return 0;
}

static int send_lossless(struct update *u, const struct update_moment *moment)
{
    struct rectangle rectangles[UPDATE_LOSSLESS_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_CHANGED, UPDATE_LOSSLESS_MAX, rectangles);
    for (size_t i = 0; i < count; i++) {
        int error = send_pieces(u, moment, screen_trim(&u->screen, &u->grid, rectangles[i]));
        if (error)
            return error;
        grid_clear(&u->grid, rectangles[i], CELL_CHANGED);
    }
    return 0;
}

static int send_video(struct update *u, const struct update_moment *moment, int *ret_quantizer)
{
    struct rectangle rectangles[RECTANGLES_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_VIDEO, RECTANGLES_MAX, rectangles);
    struct wire_frame_header header = make_header(u, moment);
    struct video_frame frame;
    int error =
        video_encode(&u->video, &u->pace, &u->screen.shown, rectangles, count, moment->now_us, &frame);
    if (error)
        return error;
    header.converted_us = frame.converted_us;
    header.encoded_us = frame.encoded_us;
    struct writer w = outbox_begin(u->outbox);
    wire_write_video_frame(&w, frame.unit.key_frame, &header, u->video.region.x, u->video.region.y,
                           rectangles, count);
    write_bytes(&w, frame.unit.data, frame.unit.length);
    error = outbox_end(u->outbox, &w);
    if (error)
        return error;
    u->sequence++;
    u->statistics.counters.quantizer = (uint32_t)frame.quantizer;
    *ret_quantizer = frame.quantizer;
    for (size_t i = 0; i < count; i++) {
        grid_set(&u->grid, rectangles[i], CELL_LOSSY);
        grid_stamp(&u->grid, rectangles[i], milliseconds(moment->now_us));
    }
    // Whoever joins the stream at a key frame knows nothing of what was sent before.
    if (frame.unit.key_frame)
        lossless_reset(&u->lossless);
    return 0;
}

// Puts what has changed into the outbox. -EMSGSIZE when that is too much for it.
static int put_update(struct update *u, const struct update_moment *moment, int *ret_quantizer)
{
    struct grid *g = &u->grid;
    bool full = u->key_needed;
    screen_capture(&u->screen, &u->live, g);
    int error = full ? 0 : send_copies(u, moment);
    if (error)
        return error;
    screen_take(&u->screen, g);
    if (full)
        grid_set_all(g, CELL_CHANGED | CELL_VIDEO);
    else
        film_choose(g, u->screen.costs, u->video.region, pace_allowance(&u->pace, moment->now_us),
                    milliseconds(moment->now_us));
    bool video = grid_bounds(g, CELL_VIDEO).width > 0;
    if (video) {
        for (size_t cell = 0; cell < g->count; cell++)
            g->cells[cell] &= (uint8_t)(g->cells[cell] & CELL_VIDEO ? ~CELL_CHANGED : 0xff);
    }
    error = send_lossless(u, moment);
    if (error || !video)
        return error;
    error = video_cover(&u->video, g, full, moment->now_us);
    if (!error)
        error = send_video(u, moment, ret_quantizer);
    grid_clear_all(g, CELL_VIDEO);
    if (!error)
        u->key_needed = false;
    return error;
}

void update_hurry(struct update *u, uint64_t now_us)
{
    u->input_us = now_us;
    if (u->hurried_us < u->pace.next_us)
        u->pace.next_us = u->hurried_us;
}

static uint64_t at_most(uint64_t value, uint64_t maximum)
{
    return value < maximum ? value : maximum;
}

static void rest(struct update *u, const struct update_moment *moment, uint64_t worked_us)
{
    uint64_t due = moment->now_us + at_most(worked_us * PAUSE_FACTOR, PAUSE_MAX_US);
    u->hurried_us = u->pace.next_us > due ? u->pace.next_us : due;
    due = moment->now_us + at_most(worked_us * REST_FACTOR, REST_MAX_US);
    bool watched = moment->now_us - u->input_us < ATTENTION_US;
    u->pace.next_us = watched || u->hurried_us > due ? u->hurried_us : due;
}

int update_damage(struct update *u, const struct update_moment *moment)
{
    uint64_t started = clock_thread_us();
    unsigned videos = u->video.encoded;
    if (u->key_needed)
        grid_set_all(&u->grid, CELL_DAMAGED);
    struct outbox_position before = outbox_position(u->outbox);
    uint32_t sequence = u->sequence;
    int quantizer = QUANTIZER_BEST;
    int error = put_update(u, moment, &quantizer);
    if (error == -EMSGSIZE) {
        // Encoder and deflate went on without the browser: only a key frame, coarser by what was learned, mends that.
        outbox_rewind(u->outbox, before);
        u->sequence = sequence;
        u->key_needed = true;
        u->pace.next_us = moment->now_us + u->pace.interval_us;
        u->statistics.counters.skipped++;
        return 0;
    }
    if (error)
        return error;
    if (u->sequence == sequence) {
        // Drawn anew, but the same. Whoever does that all the time is not looked at all the time.
        u->pace.next_us = moment->now_us + u->pace.interval_us / 4;
        return 0;
    }
    u->statistics.counters.captured++;
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    pace_sent(&u->pace, clock_us(), u->sequence, u->outbox->length - before.length,
              quantizer > VIDEO_QUANTIZER_FINEST ? PACE_LIMITED : PACE_FINE);
    u->hurried_us = u->pace.next_us;
    if (u->video.encoded == videos)
        rest(u, moment, clock_thread_us() - started);
    return 0;
}

// A few cells, but far apart: what lies between them would be sent with them.
static bool scattered(const struct grid *g)
{
    struct rectangle rectangles[UPDATE_LOSSLESS_MAX];
    size_t count = grid_rectangles(g, CELL_DAMAGED, UPDATE_LOSSLESS_MAX, rectangles);
    return rectangles_area(rectangles, count) > ECHO_CELLS_MAX * MACROBLOCK * MACROBLOCK;
}

int update_echo(struct update *u, const struct update_moment *moment)
{
    if (u->key_needed || !grid_set_aside(&u->grid, ECHO_CELLS_MAX))
        return 0;
    if (scattered(&u->grid)) {
        grid_put_back(&u->grid);
        return 0;
    }
    size_t start = u->outbox->length;
    uint32_t sequence = u->sequence;
    screen_capture(&u->screen, &u->live, &u->grid);
    screen_take(&u->screen, &u->grid);
    int error = send_lossless(u, moment);
    grid_put_back(&u->grid);
    if (error || u->sequence == sequence)
        return error;
    u->statistics.counters.captured++;
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    pace_sent(&u->pace, clock_us(), u->sequence, u->outbox->length - start, PACE_ECHO);
    return 0;
}

// As much of the rectangle's top left, in whole macroblocks, as one message of a repair takes.
static struct rectangle first_piece(struct rectangle r)
{
    unsigned widest = REPAIR_PIXELS_MAX / MACROBLOCK;
    r.width = r.width < widest ? r.width : (uint16_t)widest;
    unsigned highest = REPAIR_PIXELS_MAX / r.width / MACROBLOCK * MACROBLOCK;
    r.height = r.height < highest ? r.height : (uint16_t)highest;
    return r;
}

int update_repair(struct update *u, const struct update_moment *moment)
{
    uint32_t before = milliseconds(moment->now_us - REPAIR_AFTER_US);
    u->repair_us = moment->now_us + u->pace.interval_us;
    size_t cells =
        pace_repair_macroblocks(&u->pace, moment->now_us, moment->now_us - u->input_us < ATTENTION_US);
    if (grid_choose_repair(&u->grid, before, cells < REPAIR_CELLS_MAX ? cells : REPAIR_CELLS_MAX) == 0)
        return 0;
    struct rectangle rectangles[UPDATE_LOSSLESS_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_CHOSEN, UPDATE_LOSSLESS_MAX, rectangles);
    grid_clear_all(&u->grid, CELL_CHOSEN);
    size_t start = u->outbox->length, pixels = 0;
    size_t allowance = pace_allowance(&u->pace, moment->now_us);
    for (size_t i = 0; i < count && (i == 0 || u->outbox->length - start < allowance); i++) {
        struct rectangle piece = first_piece(rectangles[i]);
        pixels += rectangles_area(&piece, 1);
        int error = put_lossless(u, moment, piece);
        if (error)
            return error;
    }
    if (!update_repairs(u))
        video_rest(&u->video);
    pace_learn_repair(&u->pace, pixels / (MACROBLOCK * MACROBLOCK) + 1, u->outbox->length - start);
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    pace_sent(&u->pace, clock_us(), u->sequence, u->outbox->length - start, PACE_REPAIR);
    return 0;
}
