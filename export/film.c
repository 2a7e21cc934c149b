#include "export/film.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libyuv/convert.h>

#include "export/track.h"
#include "lib/bytes.h"
#include "lib/cleanup.h"

#define TIME_BASE ((AVRational){1, 90000})
#define SOUND_TIME_BASE ((AVRational){1, TRACK_RATE})
#define SOUND_HEAD 19   // RFC 7845 section 5.1, which libavformat makes a dOps of
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
    AVPacket *held;         // the last picture's, until it is known how long it is shown
    AVStream *sound_stream; // NULL: without sound
    struct track *track;
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
    film->held = av_packet_alloc();
    film->frame = av_frame_alloc();
    if (!film->packet || !film->held || !film->frame)
        return -ENOMEM;
    film->frame->width = film->encoder->width;
    film->frame->height = film->encoder->height;
    film->frame->format = film->encoder->pix_fmt;
    return av_frame_get_buffer(film->frame, 0) < 0 ? -ENOMEM : 0;
}

// Takes what is in the packet.
static int write_to(struct film *film, const AVStream *stream, AVRational time_base, AVPacket *p)
{
    p->stream_index = stream->index;
    av_packet_rescale_ts(p, time_base, stream->time_base);
    bool written = av_write_frame(film->file, p) >= 0 && !film->error;
    av_packet_unref(p);
    return written ? 0 : film->error ? film->error : -EIO;
}

static int write_sound(void *data, uint8_t *packet, size_t length, uint64_t begin, unsigned samples)
{
    struct film *film = data;
    AVPacket *p = film->packet; // the encoder's was moved from it
    p->data = packet;
    p->size = (int)length;
    p->pts = p->dts = (int64_t)begin;
    p->duration = samples;
    p->flags = AV_PKT_FLAG_KEY;
    return write_to(film, film->sound_stream, SOUND_TIME_BASE, p);
}

static int open_sound(struct film *film)
{
    film->track = track_new(write_sound, film);
    film->sound_stream = avformat_new_stream(film->file, NULL);
    if (!film->track || !film->sound_stream)
        return -ENOMEM;
    AVCodecParameters *parameters = film->sound_stream->codecpar;
    film->sound_stream->time_base = SOUND_TIME_BASE;
    parameters->codec_type = AVMEDIA_TYPE_AUDIO;
    parameters->codec_id = AV_CODEC_ID_OPUS;
    parameters->sample_rate = TRACK_RATE;
    parameters->frame_size = TRACK_PARTS * TRACK_PART;
    av_channel_layout_default(&parameters->ch_layout, TRACK_CHANNELS);
    parameters->extradata = av_mallocz(SOUND_HEAD + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!parameters->extradata)
        return -ENOMEM;
    parameters->extradata_size = SOUND_HEAD;
    struct writer w = writer_of(parameters->extradata, SOUND_HEAD);
    write_bytes(&w, "OpusHead", 8);
    write_u8(&w, 1); // version
    write_u8(&w, TRACK_CHANNELS);
    write_u16(&w, 0); // nothing to skip: the 2.5 ms by which the decoder is late are not worth an edit list
    write_u32(&w, TRACK_RATE);
    write_u16(&w, 0); // gain
    write_u8(&w, 0);  // one stream of two channels
    return 0;
}

static int open_file(struct film *film, bool sound)
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
    int error = sound ? open_sound(film) : 0;
    if (error)
        return error;
    if (avformat_write_header(film->file, NULL) < 0)
        return film->error ? film->error : -EIO;
    film->header = true;
    return 0;
}

static void cleanup_film(struct film **film)
{
    film_free(*film);
}

int film_new(int fd, unsigned width, unsigned height, bool sound, struct film **ret_film)
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
        error = open_file(film, sound);
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
    av_packet_free(&film->held);
    track_free(film->track);
    free(film);
}

// A picture without a duration is dropped by players, and the muxer knows only that of one with a successor.
static int write_held(struct film *film, int64_t end)
{
    if (!film->held->data)
        return 0;
    film->held->duration = end - film->held->pts;
    return write_to(film, film->stream, TIME_BASE, film->held);
}

static int write_packets(struct film *film)
{
    int error = 0;
    while (!error && avcodec_receive_packet(film->encoder, film->packet) == 0) {
        error = write_held(film, film->packet->pts);
        av_packet_move_ref(film->held, film->packet);
    }
    return error;
}

static void fill_black(struct film *film)
{
    AVFrame *f = film->frame;
    memset(f->data[0], 16, (size_t)f->linesize[0] * (size_t)f->height);
    for (int i = 1; i < 3; i++)
        memset(f->data[i], 128, (size_t)f->linesize[i] * (size_t)f->height / 2);
}

static int64_t ticks_of(uint64_t time_us)
{
    return av_rescale_q((int64_t)time_us, (AVRational){1, 1000000}, TIME_BASE);
}

static int encode(struct film *film, uint64_t time_us)
{
    AVFrame *f = film->frame;
    bool key = !film->begun || time_us - film->key_us >= KEY_US;
    if (key)
        film->key_us = time_us;
    film->begun = true;
    f->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    f->pts = ticks_of(time_us);
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

int film_sound(struct film *film, const uint8_t *packet, size_t length, int64_t time_us)
{
    return track_add(film->track, packet, length, time_us);
}

int film_end(struct film *film, uint64_t time_us)
{
    int error = avcodec_send_frame(film->encoder, NULL) < 0 ? -EIO : write_packets(film);
    if (!error)
        error = write_held(film, ticks_of(time_us));
    if (!error && film->track)
        error = track_end(film->track);
    if (!error && (av_write_trailer(film->file) < 0 || film->error))
        error = film->error ? film->error : -EIO;
    return error;
}
