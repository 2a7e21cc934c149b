#include "streaming/encoder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "streaming/encoder_backend.h"
#include "streaming/grid.h"

struct encoder {
    const struct encoder_backend *backend;
    void *state;
    uint8_t *unchanged;
    char codec[CODEC_STRING_MAX];
};

static const struct encoder_backend *const backends[] = {&encoder_x264, &encoder_vp9, &encoder_av1};

#define CHECK_QUANTIZER 26

static const struct encoder_backend *find_backend(const char *name)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    }
    return NULL;
}

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    if (e->state)
        e->backend->close(e->state);
    free(e->unchanged);
    free(e);
}

static void cleanup_encoder(struct encoder **e)
{
    encoder_free(*e);
}

int encoder_new(const struct encoder_settings *settings, struct encoder **ret_encoder)
{
    CLEANUP(cleanup_encoder) struct encoder *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->backend = find_backend(settings->codec);
    if (!e->backend)
        return -ENOENT;
    if ((settings->width | settings->height) & 1)
        return -EINVAL;
    size_t columns = (settings->width + MACROBLOCK - 1) / MACROBLOCK;
    size_t rows = (settings->height + MACROBLOCK - 1) / MACROBLOCK;
    e->unchanged = calloc(columns * rows, 1);
    if (!e->unchanged)
        return -ENOMEM;
    int error = e->backend->open(settings, e->codec, &e->state);
    if (error)
        return error;
    *ret_encoder = steal_pointer(&e);
    return 0;
}

const char *encoder_codec(const struct encoder *e)
{
    return e->codec;
}

uint8_t *encoder_unchanged(struct encoder *e)
{
    return e->unchanged;
}

int encoder_encode(struct encoder *e, const struct picture *picture, int quantizer, bool key_frame,
                   struct access_unit *ret_unit)
{
    return e->backend->encode(e->state, picture, e->unchanged, quantizer, key_frame, ret_unit);
}

// Small, and large enough for every encoder.
#define CHECK_WIDTH 320
#define CHECK_HEIGHT 192

static int try_frame(const struct encoder_settings *settings)
{
    CLEANUP(cleanup_encoder) struct encoder *e = NULL;
    struct encoder_settings small = *settings;
    small.width = CHECK_WIDTH;
    small.height = CHECK_HEIGHT;
    int error = encoder_new(&small, &e);
    if (error)
        return error;
    CLEANUP(picture_finish) struct picture picture = {0};
    error = picture_init(&picture, CHECK_WIDTH, CHECK_HEIGHT, settings->full_chroma);
    struct access_unit unit;
    return error ? error : encoder_encode(e, &picture, CHECK_QUANTIZER, true, &unit);
}

// Encoders of libavcodec that need a device of the host, by the end of their names.
static const char *const of_hardware[] = {"_nvenc", "_vaapi", "_qsv", "_amf", "_vulkan", "_v4l2m2m"};

static bool needs_device(const char *name)
{
    for (size_t i = 0; i < sizeof(of_hardware) / sizeof(of_hardware[0]); i++) {
        size_t length = strlen(name), end = strlen(of_hardware[i]);
        if (length > end && strcmp(name + length - end, of_hardware[i]) == 0)
            return true;
    }
    return false;
}

// Never another encoder than the one that was named: nobody would know what he streams with.
int encoder_check(const struct encoder_settings *settings, char *ret_problem, size_t size)
{
    int error = try_frame(settings);
    if (!error)
        return 0;
    size_t length = 0;
    char available[128] = "";
    const char *reason = error != -ENOENT                ? "the encoder does not take these settings"
                         : needs_device(settings->codec) ? "it needs a GPU, and streamers are confined "
                                                           "without devices: use libx264"
                                                         : "there is no such encoder";
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        struct encoder_settings other = *settings;
        other.codec = backends[i]->name;
        other.full_chroma = false;
        if (try_frame(&other) == 0 && length < sizeof(available))
            length += (size_t)snprintf(available + length, sizeof(available) - length, "%s%s",
                                       length > 0 ? ", " : "", backends[i]->name);
    }
    snprintf(ret_problem, size, "VIDEO_CODEC %.31s%s: %s; this machine has: %s", settings->codec,
             settings->full_chroma ? " with VIDEO_CHROMA 444" : "", reason, length > 0 ? available : "none");
    return -EINVAL;
}
