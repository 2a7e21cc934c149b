#pragma once
// The few functions of libavcodec that are used, loaded when VIDEO_CODEC asks for them: linking it would map a hundred libraries into each
// streamer. Debian's major version is the one of the headers.

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>

struct avcodec {
    const AVCodec *(*find_encoder)(const char *name);
    AVCodecContext *(*alloc_context)(const AVCodec *codec);
    void (*free_context)(AVCodecContext **context);
    int (*open)(AVCodecContext *context, const AVCodec *codec, AVDictionary **options);
    int (*send_frame)(AVCodecContext *context, const AVFrame *frame);
    int (*receive_packet)(AVCodecContext *context, AVPacket *packet);
    AVPacket *(*packet_alloc)(void);
    void (*packet_free)(AVPacket **packet);
    void (*packet_unref)(AVPacket *packet);
    AVFrame *(*frame_alloc)(void);
    void (*frame_free)(AVFrame **frame);
    int (*set_option)(void *object, const char *name, const char *value, int flags);
    void (*set_log_level)(int level);
};

// 0; -ENOENT when this machine does not have the libraries. They stay loaded, so that it works again when no file can be opened any more.
int avcodec_load(struct avcodec *ret_functions);
