#include "export/video.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libyuv/convert_argb.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

struct video {
    AVCodecContext *context;
    AVFrame *frame;
    AVPacket *packet;
};

void video_free(struct video *video)
{
    if (!video)
        return;
    avcodec_free_context(&video->context);
    av_frame_free(&video->frame);
    av_packet_free(&video->packet);
    free(video);
}

static void cleanup_video(struct video **video)
{
    video_free(*video);
}

static enum AVCodecID codec_id(const char *codec)
{
    static const struct {
        char prefix[5];
        enum AVCodecID id;
    } known[] = {{"avc1", AV_CODEC_ID_H264}, {"vp09", AV_CODEC_ID_VP9}, {"av01", AV_CODEC_ID_AV1}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(codec, known[i].prefix, 4) == 0)
            return known[i].id;
    }
    return AV_CODEC_ID_NONE;
}

int video_new(const char *codec, struct video **ret_video)
{
    enum AVCodecID id = codec_id(codec);
    if (id == AV_CODEC_ID_NONE)
        return -EPROTO;
    const AVCodec *decoder = avcodec_find_decoder(id);
    if (!decoder)
        return -ENOTSUP;
    CLEANUP(cleanup_video) struct video *video = calloc(1, sizeof(*video));
    if (!video)
        return -ENOMEM;
    video->context = avcodec_alloc_context3(decoder);
    video->frame = av_frame_alloc();
    video->packet = av_packet_alloc();
    if (!video->context || !video->frame || !video->packet)
        return -ENOMEM;
    video->context->thread_count = 1;
    video->context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    video->context->max_pixels = (int64_t)DISPLAY_WIDTH_MAX * DISPLAY_HEIGHT_MAX * 2; // padding included
    if (avcodec_open2(video->context, decoder, NULL) < 0)
        return -ENOTSUP;
    *ret_video = steal_pointer(&video);
    return 0;
}

int video_decode(struct video *video, const uint8_t *data, size_t length)
{
    // The decoder reads past the end in words.
    if (av_new_packet(video->packet, (int)length) < 0)
        return -ENOMEM;
    memcpy(video->packet->data, data, length);
    int status = avcodec_send_packet(video->context, video->packet);
    av_packet_unref(video->packet);
    // No encoder here holds a frame back.
    if (status < 0 || avcodec_receive_frame(video->context, video->frame) < 0)
        return -EPROTO;
    return 0;
}

// 1: half the resolution of colours each way; 0: full; -1: no picture of a stream.
static int chroma_shift(const AVFrame *frame)
{
    switch (frame->format) {
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_YUVJ420P:
        return 1;
    case AV_PIX_FMT_YUV444P:
    case AV_PIX_FMT_YUVJ444P:
        return 0;
    default:
        return -1;
    }
}

int video_paint(const struct video *video, unsigned x, unsigned y, struct rectangle rectangle,
                struct surface surface)
{
    const AVFrame *frame = video->frame;
    int shift = chroma_shift(frame);
    if (shift < 0 || rectangle.x < x || rectangle.y < y)
        return -EPROTO;
    unsigned left = rectangle.x - x, top = rectangle.y - y;
    if (left + rectangle.width > (unsigned)frame->width || top + rectangle.height > (unsigned)frame->height)
        return -EPROTO;
    const uint8_t *planes[3];
    for (int i = 0; i < 3; i++) {
        int by = i > 0 ? shift : 0;
        planes[i] = frame->data[i] + (ptrdiff_t)(top >> by) * frame->linesize[i] + (left >> by);
    }
    // Full-range BT.601, as the streamer converts (streaming/DESIGN.md).
    (shift ? J420ToARGB : J444ToARGB)(planes[0], frame->linesize[0], planes[1], frame->linesize[1], planes[2],
                                      frame->linesize[2],
                                      surface.pixels + rectangle.y * surface.stride + (size_t)rectangle.x * 4,
                                      (int)surface.stride, rectangle.width, rectangle.height);
    return 0;
}
