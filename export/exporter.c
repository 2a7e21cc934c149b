#include "export/exporter.h"

#include <errno.h>

#include "export/canvas.h"
#include "export/film.h"
#include "export/moments.h"
#include "export/source.h"
#include "export/track.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

#define FRAME_US 33333   // between two pictures, at least: what changes faster is one picture
#define STILL_US 1000000 // and at most: players seek and pause badly in longer ones
#define FILM_US (UINT64_C(7) * 24 * 3600 * 1000000) // longer ones end there

struct exporter {
    struct source source;
    struct canvas canvas;
    struct film *film;
    struct moments moments;
    bool sounds;            // there is sound in the recording
    uint64_t now_us;        // of the recording: what was followed last happened then
    unsigned width, height; // of the film: the largest display of the recording
    uint64_t start_us;      // of the recording, when its first picture was shown
    uint64_t changed_us;    // of the recording, when the canvas changed last
    uint64_t end_us;        // of the recording: its last record
    uint64_t shown_us;      // of the film, when the last picture was shown
    exporter_progress *progress;
    void *data;
    unsigned permille;
};

static void cleanup_exporter(struct exporter *exporter)
{
    film_free(exporter->film);
    canvas_finish(&exporter->canvas);
    source_finish(&exporter->source);
}

static bool is_sound(const struct source_record *record)
{
    return record->message[0] == WIRE_AUDIO;
}

// Sizes and clocks alone: the whole file is read, and nothing is decoded.
static int measure(struct exporter *exporter, int recording)
{
    struct source_record record;
    int error = source_init(&exporter->source, recording);
    if (error)
        return error;
    while (source_next(&exporter->source, &record) == 0) {
        uint16_t width, height;
        moments_learn(&exporter->moments, record.time_us, record.message, record.length);
        exporter->sounds |= is_sound(&record);
        if (!canvas_size_of(record.message, record.length, &width, &height))
            continue;
        exporter->width = width > exporter->width ? width : exporter->width;
        exporter->height = height > exporter->height ? height : exporter->height;
    }
    exporter->width += exporter->width % 2;
    exporter->height += exporter->height % 2;
    source_finish(&exporter->source);
    error = source_init(&exporter->source, recording);
    return error ? error : exporter->width == 0 ? -ENODATA : 0;
}

static int show(struct exporter *exporter, uint64_t film_us)
{
    struct canvas *canvas = &exporter->canvas;
    struct surface surface = {canvas->picture, (size_t)canvas->width * 4};
    canvas->changed = false;
    exporter->shown_us = film_us;
    cursor_draw(&canvas->cursor, surface, canvas->width, canvas->height);
    int error = film_show(exporter->film, surface, canvas->width, canvas->height, film_us);
    cursor_undraw(&canvas->cursor, surface);
    return error;
}

// What the canvas shows stays until `time_us` of the recording. What changes again before the next picture's time is shown with it.
static int show_until(struct exporter *exporter, int film_fd, uint64_t time_us)
{
    struct canvas *canvas = &exporter->canvas;
    if (!canvas->shown)
        return 0; // the picture before it stays
    int error = 0;
    if (!exporter->film) {
        exporter->start_us = exporter->changed_us;
        error = film_new(film_fd, exporter->width, exporter->height, exporter->sounds, &exporter->film);
        if (!error)
            error = show(exporter, 0);
    }
    uint64_t until_us = time_us - exporter->start_us;
    uint64_t changed_us = exporter->changed_us - exporter->start_us;
    uint64_t next_us = exporter->shown_us + FRAME_US;
    next_us = changed_us > next_us ? changed_us : next_us;
    if (!error && canvas->changed && next_us < until_us)
        error = show(exporter, next_us);
    while (!error && exporter->shown_us + STILL_US < until_us)
        error = show(exporter, exporter->shown_us + STILL_US);
    return error;
}

static int tell(struct exporter *exporter)
{
    unsigned permille = (unsigned)((double)exporter->source.offset / (double)exporter->source.size * 1000);
    if (permille == exporter->permille)
        return 0;
    exporter->permille = permille;
    return exporter->progress(exporter->data, permille);
}

// What sounds before anything is shown is before the film.
static int follow_sound(struct exporter *exporter, const struct source_record *record, uint64_t moment_us)
{
    const uint8_t *packet;
    size_t length;
    int error = track_read(record->message, record->length, &packet, &length);
    if (error || !exporter->film)
        return error;
    return film_sound(exporter->film, packet, length, (int64_t)moment_us - (int64_t)exporter->start_us);
}

static int follow_message(struct exporter *exporter, const struct source_record *record, uint64_t moment_us,
                          int *ret_damage)
{
    int error = is_sound(record) ? follow_sound(exporter, record, moment_us)
                                 : canvas_apply(&exporter->canvas, record->message, record->length);
    if (exporter->canvas.changed && !is_sound(record))
        exporter->changed_us = exporter->now_us;
    *ret_damage = error == -EPROTO ? error : 0;
    return *ret_damage ? 0 : error;
}

// The messages of one update are shown together. Sound may stand between them: while it plays, time goes by second by second.
static bool lets_time_pass(const struct exporter *exporter, const struct source_record *record)
{
    if (is_sound(record))
        return !exporter->film || exporter->now_us - exporter->changed_us > STILL_US;
    return !canvas_continues(&exporter->canvas, record->message, record->length);
}

// Until the recording ends or is wrong.
static int follow(struct exporter *exporter, int film_fd, int *ret_damage)
{
    int error = 0, damage = 0;
    while (!error && !damage) {
        struct source_record record;
        damage = source_next(&exporter->source, &record);
        if (damage)
            break;
        uint64_t start_us =
            exporter->film ? exporter->start_us : exporter->changed_us; // as show_until begins
        if ((exporter->film || exporter->canvas.shown) && record.time_us - start_us > FILM_US) {
            damage = -EOVERFLOW;
            break;
        }
        uint64_t moment_us = moments_of(&exporter->moments, record.time_us, record.message, record.length);
        exporter->now_us = moment_us > exporter->now_us ? moment_us : exporter->now_us;
        if (lets_time_pass(exporter, &record))
            error = show_until(exporter, film_fd, exporter->now_us);
        exporter->end_us = record.time_us;
        if (!error)
            error = follow_message(exporter, &record, moment_us, &damage);
        if (!error)
            error = tell(exporter);
    }
    *ret_damage = damage == -ENODATA ? 0 : damage;
    return error;
}

static int finish(struct exporter *exporter, int film_fd, uint64_t *ret_time)
{
    int error = show_until(exporter, film_fd, exporter->end_us);
    if (!error && !exporter->film)
        return -ENODATA;
    uint64_t end_us = exporter->end_us - exporter->start_us;
    if (!error && exporter->canvas.shown && exporter->canvas.changed)
        error = show(exporter, exporter->shown_us + FRAME_US);
    if (end_us < exporter->shown_us + FRAME_US)
        end_us = exporter->shown_us + FRAME_US;
    if (!error)
        error = film_end(exporter->film, end_us);
    *ret_time = end_us;
    return error;
}

int exporter_run(int recording, int film, exporter_progress *progress, void *data,
                 struct exporter_outcome *ret_outcome)
{
    CLEANUP(cleanup_exporter) struct exporter exporter = {.progress = progress, .data = data};
    struct exporter_outcome outcome = {0};
    int error = measure(&exporter, recording);
    if (!error)
        error = canvas_init(&exporter.canvas);
    if (!error)
        error = follow(&exporter, film, &outcome.damage);
    if (!error)
        error = finish(&exporter, film, &outcome.time);
    if (!error)
        *ret_outcome = outcome;
    return error;
}
