#include "streaming/update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "streaming/clock.h"
#include "streaming/film.h"
#include "streaming/update_private.h"

// Of one lossless rectangle of a repair: between two of them the rate is asked again.
#define REPAIR_PIXELS_MAX 65536u
#define REPAIR_CELLS_MAX (4 * REPAIR_PIXELS_MAX / (MACROBLOCK * MACROBLOCK))
// While nobody does anything, an update without video is followed by a rest of so many times the processor time that it took, so that a
// terminal that floods costs a few per cent of a core: 16 frames a second tell as much as 60 of what nobody can read.
#define REST_FACTOR 60u
#define REST_MAX_US UINT64_C(62000)
#define ATTENTION_US UINT64_C(700000)
// While somebody does, it is a short pause: what is typed takes a tenth of a millisecond, a window that is dragged half of one, and three times as
// much on a machine whose caches others use.
#define PAUSE_FACTOR 45u
#define PAUSE_MAX_US UINT64_C(45000)
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
// Puts what has changed into the outbox. -EMSGSIZE when that is too much for it.
static int put_update(struct update *u, const struct update_moment *moment, int *ret_quantizer)
{
    struct grid *g = &u->grid;
    bool full = u->key_needed;
    int error = full ? 0 : update_send_copies(u, moment);
    if (error)
        return error;
    screen_take(&u->screen, &u->live, g);
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
    error = update_send_lossless(u, moment);
    if (error || !video)
        return error;
    error = video_cover(&u->video, g, full, moment->now_us);
    if (!error)
        error = update_send_video(u, moment, ret_quantizer);
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

// Its last message stands for all of them: each acknowledgement wakes sandbox-server and the streamer.
static void end_update(struct update *u, struct outbox_position begin)
{
    if (u->grouped)
        outbox_flag_all_but_last(u->outbox, begin, WIRE_FLAG_MORE);
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
    end_update(u, before);
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
    struct outbox_position before = outbox_position(u->outbox);
    uint32_t sequence = u->sequence;
    screen_take(&u->screen, &u->live, &u->grid);
    int error = update_send_lossless(u, moment);
    grid_put_back(&u->grid);
    if (error || u->sequence == sequence)
        return error;
    end_update(u, before);
    u->statistics.counters.captured++;
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    pace_sent(&u->pace, clock_us(), u->sequence, u->outbox->length - before.length, PACE_ECHO);
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
    struct outbox_position start = outbox_position(u->outbox);
    size_t allowance = pace_allowance(&u->pace, moment->now_us), pixels = 0;
    for (size_t i = 0; i < count && (i == 0 || u->outbox->length - start.length < allowance); i++) {
        struct rectangle piece = first_piece(rectangles[i]);
        pixels += rectangles_area(&piece, 1);
        int error = update_put_lossless(u, moment, piece);
        if (error)
            return error;
    }
    if (!update_repairs(u))
        video_rest(&u->video);
    end_update(u, start);
    pace_learn_repair(&u->pace, pixels / (MACROBLOCK * MACROBLOCK) + 1, u->outbox->length - start.length);
    statistics_encoded(&u->statistics, microseconds(moment->now_us, clock_us()));
    pace_sent(&u->pace, clock_us(), u->sequence, u->outbox->length - start.length, PACE_REPAIR);
    return 0;
}
