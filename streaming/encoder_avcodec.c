// VP9 and AV1 by libavcodec. It passes neither per-macroblock hints nor a quantizer per frame: the encoder keeps VIDEO_BITRATE_KBPS by itself.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/pixfmt.h>

#include "lib/cleanup.h"
#include "streaming/avcodec.h"
#include "streaming/encoder_backend.h"

struct state {
    struct avcodec av;
    AVCodecContext *context;
    AVFrame *frame;
    AVPacket *packet;
};

struct option {
    const char *name, *value;
};

// One thread, no frame held back.
static const struct option vp9_options[] = {
    {"deadline", "realtime"}, {"cpu-used", "8"},          {"lag-in-frames", "0"},
    {"auto-alt-ref", "0"},    {"tune-content", "screen"}, {"tile-columns", "0"},
    {"row-mt", "0"},          {"error-resilient", "0"},   {NULL, NULL},
};
static const struct option av1_options[] = {
    {"usage", "realtime"}, {"cpu-used", "8"}, {"lag-in-frames", "0"},
    {"row-mt", "0"},       {"tiles", "1x1"},  {NULL, NULL},
};

static void close_avcodec(void *pointer)
{
    struct state *s = pointer;
    s->av.packet_free(&s->packet);
    s->av.frame_free(&s->frame);
    s->av.free_context(&s->context);
    free(s);
}

static void cleanup_state(struct state **s)
{
    if (*s)
        close_avcodec(*s);
}

static int set_options(const struct state *s, const struct option *options)
{
    for (; options->name; options++) {
        if (s->av.set_option(s->context, options->name, options->value, AV_OPT_SEARCH_CHILDREN) < 0)
            return -EINVAL;
    }
    return 0;
}

static void set_context(AVCodecContext *c, const struct encoder_settings *settings)
{
    c->width = settings->width;
    c->height = settings->height;
    c->time_base = (AVRational){1, (int)settings->framerate};
    c->framerate = (AVRational){(int)settings->framerate, 1};
    c->pix_fmt = settings->full_chroma ? AV_PIX_FMT_YUV444P : AV_PIX_FMT_YUV420P;
    c->color_range = AVCOL_RANGE_JPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_IEC61966_2_1;
    c->thread_count = 1;
    c->gop_size = 1 << 20; // key frames on demand
    c->max_b_frames = 0;
    c->bit_rate = (int64_t)settings->bitrate_kbps * 1000;
    c->rc_max_rate = c->bit_rate;
    c->rc_buffer_size = (int)(c->bit_rate < INT32_MAX ? c->bit_rate : INT32_MAX);
}

// Levels of VP9 and AV1 by luma samples per second, as both specifications have them.
static const struct level {
    uint64_t samples;
    const char *vp9, *av1;
} levels[] = {
    {36864000, "31", "05"},  {83558400, "40", "08"},   {160432128, "41", "09"},  {311951360, "50", "12"},
    {588251136, "51", "13"}, {1176502272, "52", "14"}, {UINT64_MAX, "62", "18"},
};

static void name_codec(const struct encoder_settings *settings, bool av1,
                       char ret_codec[static CODEC_STRING_MAX])
{
    uint64_t samples = (uint64_t)settings->width * settings->height * settings->framerate;
    const struct level *level = levels;
    while (samples > level->samples)
        level++;
    if (av1)
        snprintf(ret_codec, CODEC_STRING_MAX, "av01.%d.%sM.08", settings->full_chroma, level->av1);
    else
        snprintf(ret_codec, CODEC_STRING_MAX, "vp09.%02d.%s.08.%02d.01.13.06.01", settings->full_chroma,
                 level->vp9, settings->full_chroma ? 3 : 1);
}

static int open_avcodec(const struct encoder_settings *settings, char ret_codec[static CODEC_STRING_MAX],
                        void **ret_state)
{
    struct avcodec av;
    int error = avcodec_load(&av);
    if (error)
        return error;
    av.set_log_level(AV_LOG_QUIET);
    const AVCodec *codec = av.find_encoder(settings->codec);
    if (!codec)
        return -ENOENT;
    bool av1 = codec->id == AV_CODEC_ID_AV1;
    CLEANUP(cleanup_state) struct state *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->av = av;
    s->context = av.alloc_context(codec);
    s->frame = av.frame_alloc();
    s->packet = av.packet_alloc();
    if (!s->context || !s->frame || !s->packet)
        return -ENOMEM;
    set_context(s->context, settings);
    error = set_options(s, av1 ? av1_options : vp9_options);
    if (error)
        return error;
    if (av.open(s->context, codec, NULL) < 0)
        return -EINVAL;
    name_codec(settings, av1, ret_codec);
    *ret_state = steal_pointer(&s);
    return 0;
}

static int encode_avcodec(void *pointer, const struct picture *picture, const uint8_t *unchanged,
                          int quantizer, bool key_frame, struct access_unit *ret_unit)
{
    (void)unchanged, (void)quantizer;
    struct state *s = pointer;
    s->av.packet_unref(s->packet); // of the last call
    s->frame->width = s->context->width;
    s->frame->height = s->context->height;
    s->frame->format = s->context->pix_fmt;
    s->frame->color_range = s->context->color_range;
    s->frame->colorspace = s->context->colorspace;
    s->frame->pict_type = key_frame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    s->frame->pts++;
    for (int i = 0; i < 3; i++) {
        s->frame->data[i] = picture->planes[i];
        s->frame->linesize[i] = picture->strides[i];
    }
    if (s->av.send_frame(s->context, s->frame) < 0 || s->av.receive_packet(s->context, s->packet) < 0 ||
        s->packet->size <= 0)
        return -EIO;
    *ret_unit = (struct access_unit){.data = s->packet->data,
                                     .length = (size_t)s->packet->size,
                                     .key_frame = (s->packet->flags & AV_PKT_FLAG_KEY) != 0};
    return 0;
}

const struct encoder_backend encoder_vp9 = {
    .name = "libvpx-vp9", .open = open_avcodec, .close = close_avcodec, .encode = encode_avcodec};
const struct encoder_backend encoder_av1 = {
    .name = "libaom-av1", .open = open_avcodec, .close = close_avcodec, .encode = encode_avcodec};
