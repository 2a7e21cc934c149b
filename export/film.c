#include "export/film.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libyuv/convert.h>

#include "lib/cleanup.h"

#define TIME_BASE ((AVRational){1, 90000})
#define KEY_US 10000000 // between two places where a player can begin
#define BUFFER (64 << 10)
#define LARGE_PIXELS (2560u * 1440u) // beyond it pictures are not kept to look ahead

struct film {
    int fd;
    int error; // of writing, -errno: libavformat has its own numbers
    AVFormatContext *file;
    AVStream *stream;
    AVCodecContext *encoder;
    AVFrame *frame;
    AVPacket *packet;
    unsigned shown_width, shown_height; // of the last picture
    uint64_t key_us;
    bool begun, header;
};

static int write_packet(void *opaque, uint8_t *data, int length)
{
    struct film *film = opaque;
    for (int done = 0; done < length;) {
        ssize_t written = write(film->fd, data + done, (size_t)(length - done));
        if (written < 0) {
            film->error = -errno;
            return AVERROR(errno);
        }
        done += (int)written;
    }
    return length;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    const struct film *film = opaque;
    off_t place = whence == AVSEEK_SIZE ? -1 : lseek(film->fd, offset, whence & ~AVSEEK_FORCE);
    return place < 0 ? AVERROR(ENOSYS) : place;
}

static int open_encoder(struct film *film, unsigned width, unsigned height)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        return codec ? -ENOMEM : -ENOTSUP;
    film->encoder = c;
    c->width = (int)width;
    c->height = (int)height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = TIME_BASE;
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M; // libyuv's I420
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_IEC61966_2_1;
    c->thread_count = 1; // the filter permits no other
    c->max_b_frames = 0;
    c->gop_size = 1 << 20; // key frames are asked for by time
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    bool large = width * height > LARGE_PIXELS;
    int status = av_opt_set(c->priv_data, "preset", large ? "superfast" : "veryfast", 0);
    if (status >= 0)
        status = av_opt_set(c->priv_data, "crf", "20", 0);
    if (status >= 0)
        status = av_opt_set(c->priv_data, "forced-idr", "1", 0);
    if (status >= 0)
        status =
            av_opt_set(c->priv_data, "x264-params", large ? "rc-lookahead=0:mbtree=0" : "rc-lookahead=10", 0);
    return status < 0 || avcodec_open2(c, codec, NULL) < 0 ? -ENOTSUP : 0;
}

static int open_frame(struct film *film)
{
    film->packet = av_packet_alloc();
    film->frame = av_frame_alloc();
    if (!film->packet || !film->frame)
        return -ENOMEM;
    film->frame->width = film->encoder->width;
    film->frame->height = film->encoder->height;
    film->frame->format = film->encoder->pix_fmt;
    return av_frame_get_buffer(film->frame, 0) < 0 ? -ENOMEM : 0;
}

static int open_file(struct film *film)
{
    if (avformat_alloc_output_context2(&film->file, NULL, "mp4", NULL) < 0)
        return -ENOTSUP;
    uint8_t *buffer = av_malloc(BUFFER);
    if (!buffer)
        return -ENOMEM;
    film->file->pb = avio_alloc_context(buffer, BUFFER, 1, film, NULL, write_packet, seek);
    if (!film->file->pb) {
        av_free(buffer);
        return -ENOMEM;
    }
    film->stream = avformat_new_stream(film->file, NULL);
    if (!film->stream)
        return -ENOMEM;
    film->stream->time_base = TIME_BASE;
    if (avcodec_parameters_from_context(film->stream->codecpar, film->encoder) < 0)
        return -ENOMEM;
    if (avformat_write_header(film->file, NULL) < 0)
        return film->error ? film->error : -EIO;
    film->header = true;
    return 0;
}

static void cleanup_film(struct film **film)
{
    film_free(*film);
}

int film_new(int fd, unsigned width, unsigned height, struct film **ret_film)
{
    CLEANUP(cleanup_film) struct film *film = calloc(1, sizeof(*film));
    if (!film)
        return -ENOMEM;
    film->fd = fd;
    av_log_set_level(AV_LOG_QUIET);
    int error = open_encoder(film, width, height);
    if (!error)
        error = open_frame(film);
    if (!error)
        error = open_file(film);
    if (!error)
        *ret_film = steal_pointer(&film);
    return error;
}

void film_free(struct film *film)
{
    if (!film)
        return;
    if (film->file && film->file->pb) {
        av_free(film->file->pb->buffer);
        avio_context_free(&film->file->pb);
    }
    avformat_free_context(film->file);
    avcodec_free_context(&film->encoder);
    av_frame_free(&film->frame);
    av_packet_free(&film->packet);
    free(film);
}

static int write_packets(struct film *film)
{
    while (avcodec_receive_packet(film->encoder, film->packet) == 0) {
        film->packet->stream_index = film->stream->index;
        av_packet_rescale_ts(film->packet, TIME_BASE, film->stream->time_base);
        if (av_write_frame(film->file, film->packet) < 0 || film->error)
            return film->error ? film->error : -EIO;
        av_packet_unref(film->packet);
    }
    return 0;
}

static void fill_black(struct film *film)
{
    AVFrame *f = film->frame;
    memset(f->data[0], 16, (size_t)f->linesize[0] * (size_t)f->height);
    for (int i = 1; i < 3; i++)
        memset(f->data[i], 128, (size_t)f->linesize[i] * (size_t)f->height / 2);
}

static int encode(struct film *film, uint64_t time_us)
{
    AVFrame *f = film->frame;
    bool key = !film->begun || time_us - film->key_us >= KEY_US;
    if (key)
        film->key_us = time_us;
    film->begun = true;
    f->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    f->pts = av_rescale_q((int64_t)time_us, (AVRational){1, 1000000}, TIME_BASE);
    f->colorspace = film->encoder->colorspace;
    f->color_range = film->encoder->color_range;
    if (avcodec_send_frame(film->encoder, f) < 0)
        return -EIO;
    return write_packets(film);
}

int film_show(struct film *film, struct surface picture, unsigned width, unsigned height, uint64_t time_us)
{
    AVFrame *f = film->frame;
    if (av_frame_make_writable(f) < 0)
        return -ENOMEM;
    unsigned left = ((unsigned)f->width - width) / 4 * 2, top = ((unsigned)f->height - height) / 4 * 2;
    if (width != film->shown_width || height != film->shown_height)
        fill_black(film);
    film->shown_width = width;
    film->shown_height = height;
    uint8_t *planes[3];
    for (int i = 0; i < 3; i++) {
        int by = i > 0;
        planes[i] = f->data[i] + (ptrdiff_t)(top >> by) * f->linesize[i] + (left >> by);
    }
    ARGBToI420(picture.pixels, (int)picture.stride, planes[0], f->linesize[0], planes[1], f->linesize[1],
               planes[2], f->linesize[2], (int)width, (int)height);
    return encode(film, time_us);
}

int film_end(struct film *film, uint64_t time_us)
{
    int error = av_frame_make_writable(film->frame) < 0 ? -ENOMEM : encode(film, time_us);
    if (!error && avcodec_send_frame(film->encoder, NULL) < 0)
        error = -EIO;
    if (!error)
        error = write_packets(film);
    if (!error && (av_write_trailer(film->file) < 0 || film->error))
        error = film->error ? film->error : -EIO;
    return error;
}
