// An update's messages: copies, lossless rectangles, a video frame.

#include <stdlib.h>

#include "streaming/clock.h"
#include "streaming/film.h"
#include "streaming/update_private.h"

// Heights of a line of text.
#define LINE_ROWS_MIN 6u
#define LINE_ROWS_MAX 48u
// Two rectangles become one if that adds no more than a fourth and so many pixels: what a message of its own costs.
#define JOINED_WASTE 4u
#define JOINED_PIXELS 1024u

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

int update_put_lossless(struct update *u, const struct update_moment *moment, struct rectangle r)
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
    for (size_t cell = grid_next(g->cells, 0, g->count, CELL_DAMAGED); cell < g->count;
         cell = grid_next(g->cells, cell + 1, g->count, CELL_DAMAGED)) {
        if (!film_plays(g, cell, u->video.region, now_ms))
            g->cells[cell] |= CELL_CHOSEN;
    }
}

// Moves what has moved by the offset; the window that moved last most likely in one pass.
static size_t move(struct update *u, struct offset offset, uint32_t now_ms, struct copy_rectangle *copies,
                   size_t room)
{
    const struct image *shown = &u->screen.shown, *live = &u->live;
    struct motion *m = &u->motion;
    size_t count = 0;
    if (room > 0 && motion_follow(m, &u->grid, offset, &copies[0]))
        count = screen_follow(&u->screen, live, &u->grid, &copies[0], now_ms);
    m->left = MOTION_GAIN_MIN;
    while (count < room && m->left >= MOTION_GAIN_MIN &&
           motion_copy(m, shown, live, &u->grid, offset, &copies[count]))
        screen_copy(&u->screen, &u->grid, &copies[count++], now_ms);
    if (count > 0 && offset.x == 0)
        learn_line(u, offset.y);
    return count;
}

int update_send_copies(struct update *u, const struct update_moment *moment)
{
    struct offset offsets[MOTION_OFFSETS_MAX];
    struct copy_rectangle copies[MOTION_COPIES_MAX];
    uint32_t now_ms = milliseconds(moment->now_us);
    size_t count = 0;
    choose_searched(u, now_ms);
    size_t offset_count = motion_offsets(&u->motion, &u->screen.shown, &u->live, &u->grid, offsets);
    for (size_t i = 0; i < offset_count; i++)
        count += move(u, offsets[i], now_ms, copies + count, MOTION_COPIES_MAX - count);
    motion_note(&u->motion, &u->grid, copies, count);
    grid_clear_all(&u->grid, CELL_CHOSEN);
    u->grid.drawn = (struct rectangle){0};
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
        int error = update_put_lossless(u, moment, piece);
        if (error)
            return error;
    }
    return 0;
}

// Rectangles that follow the macroblocks cut lines of text in two; what costs few pixels more in one piece goes in one.
static size_t join(struct rectangle *rectangles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            struct rectangle whole = rectangles_union(rectangles[i], rectangles[k]);
            size_t apart = rectangles_area(&rectangles[i], 1) + rectangles_area(&rectangles[k], 1);
            if (rectangles_area(&whole, 1) > apart + apart / JOINED_WASTE + JOINED_PIXELS)
                continue;
            rectangles[i] = whole;
            rectangles[k] = rectangles[--count];
            k = i; // the larger one may take in what the smaller did not
        }
    }
    return count;
}

int update_send_lossless(struct update *u, const struct update_moment *moment)
{
    struct rectangle rectangles[UPDATE_LOSSLESS_MAX];
    size_t count = grid_rectangles(&u->grid, CELL_CHANGED, UPDATE_LOSSLESS_MAX, rectangles);
    for (size_t i = 0; i < count; i++)
        rectangles[i] = screen_trim(&u->screen, &u->grid, rectangles[i]);
    grid_clear_all(&u->grid, CELL_CHANGED);
    count = join(rectangles, count);
    for (size_t i = 0; i < count; i++) {
        int error = send_pieces(u, moment, rectangles[i]);
        if (error)
            return error;
    }
    return 0;
}

int update_send_video(struct update *u, const struct update_moment *moment, int *ret_quantizer)
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
