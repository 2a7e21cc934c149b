// libx264 directly: libavcodec 59 can pass neither per-macroblock hints nor a quantizer per frame.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include "lib/cleanup.h"
#include "streaming/encoder_backend.h"

#define QUANTIZER_START 26
// The preset ultrafast looks for motion in whole pixels alone. In quarters of them a film takes a quarter fewer bytes.
#define SUBPEL_LEAST 1
struct state {
    x264_t *encoder;
    x264_picture_t input;
    int64_t next;
    int format; // X264_CSP_*
};

static void close_x264(void *pointer)
{
    struct state *s = pointer;
    if (s->encoder)
        x264_encoder_close(s->encoder);
    free(s);
}

static void cleanup_state(struct state **s)
{
    if (*s)
        close_x264(*s);
}

static int set_parameters(x264_param_t *p, const struct encoder_settings *settings)
{
    if (x264_param_default_preset(p, settings->preset, settings->tune) < 0)
        return -EINVAL;
    p->i_log_level = X264_LOG_NONE;
    p->i_width = settings->width;
    p->i_height = settings->height;
    p->i_csp = settings->full_chroma ? X264_CSP_I444 : X264_CSP_I420;
    p->i_threads = 1;
    p->b_vfr_input = 0; // otherwise each frame waits for the next one's timestamp
    p->i_fps_num = settings->framerate;
    p->i_fps_den = 1;
    p->i_keyint_max = X264_KEYINT_MAX_INFINITE;
    p->i_scenecut_threshold = 0;
    p->i_bframe = 0;
    p->i_frame_reference = 1;
    p->b_cabac = 0;
    p->b_deblocking_filter = 0; // would touch macroblocks that did not change
    p->b_repeat_headers = 1;
    p->b_annexb = 1;
    p->b_aud = 0;
    p->analyse.b_mb_info = 1;
    p->analyse.i_weighted_pred = X264_WEIGHTP_NONE;
    p->analyse.b_transform_8x8 = 0;
    p->analyse.i_subpel_refine =
        p->analyse.i_subpel_refine > SUBPEL_LEAST ? p->analyse.i_subpel_refine : SUBPEL_LEAST;
    // Each frame brings its own quantizer. CQP would clip it to the span of its ip and pb factors, and widening those costs up to five times
    // the bytes at the same quality; CRF takes it as it is.
    p->rc.i_rc_method = X264_RC_CRF;
    p->rc.f_rf_constant = QUANTIZER_START;
    p->rc.i_aq_mode = X264_AQ_NONE;
    p->rc.b_mb_tree = 0;
    p->vui.b_fullrange = 1;
    p->vui.i_colmatrix = 6; // BT.601, what ARGBToJ420 computes
    p->vui.i_colorprim = 1;
    p->vui.i_transfer = 13; // sRGB
    return x264_param_apply_profile(p, settings->full_chroma ? "high444" : "baseline") < 0 ? -EINVAL : 0;
}

// Profile, constraint flags and level stand in the three bytes behind the SPS's NAL unit type.
static int read_codec(x264_t *encoder, char ret_codec[static CODEC_STRING_MAX])
{
    x264_nal_t *nals;
    int count;
    if (x264_encoder_headers(encoder, &nals, &count) < 0)
        return -EIO;
    for (int i = 0; i < count; i++) {
        int prefix = nals[i].b_long_startcode ? 4 : 3;
        if (nals[i].i_type != NAL_SPS || nals[i].i_payload < prefix + 4)
            continue;
        const uint8_t *sps = nals[i].p_payload + prefix + 1;
        snprintf(ret_codec, CODEC_STRING_MAX, "avc1.%02X%02X%02X", sps[0], sps[1], sps[2]);
        return 0;
    }
    return -EIO;
}

static int open_x264(const struct encoder_settings *settings, char ret_codec[static CODEC_STRING_MAX],
                     void **ret_state)
{
    CLEANUP(cleanup_state) struct state *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    CLEANUP(x264_param_cleanup) x264_param_t parameters = {0};
    int error = set_parameters(&parameters, settings);
    if (error)
        return error;
    s->encoder = x264_encoder_open(&parameters);
    if (!s->encoder)
        return -EINVAL;
    error = read_codec(s->encoder, ret_codec);
    if (error)
        return error;
    s->format = parameters.i_csp;
    x264_picture_init(&s->input);
    *ret_state = steal_pointer(&s);
    return 0;
}

static int encode_x264(void *pointer, const struct picture *picture, const uint8_t *unchanged, int quantizer,
                       bool key_frame, struct access_unit *ret_unit)
{
    struct state *s = pointer;
    s->input.img.i_csp = s->format;
    s->input.img.i_plane = 3;
    for (int i = 0; i < 3; i++) {
        s->input.img.plane[i] = picture->planes[i];
        s->input.img.i_stride[i] = picture->strides[i];
    }
    s->input.i_type = key_frame ? X264_TYPE_IDR : X264_TYPE_P;
    s->input.i_qpplus1 = quantizer + 1;
    s->input.i_pts = s->next++;
    s->input.prop.mb_info =
        (uint8_t *)unchanged; // X264_MBINFO_CONSTANT is 1; x264 only reads it (b_mb_info_update is off)
    x264_nal_t *nals;
    int count;
    x264_picture_t output;
    int size = x264_encoder_encode(s->encoder, &nals, &count, &s->input, &output);
    if (size <= 0 || count < 1)
        return -EIO;
    // NAL units of one call lie behind each other (x264.h).
    *ret_unit = (struct access_unit){
        .data = nals[0].p_payload, .length = (size_t)size, .key_frame = output.b_keyframe != 0};
    return 0;
}

_Static_assert(X264_MBINFO_CONSTANT == 1, "encoder_unchanged() promises 1");

const struct encoder_backend encoder_x264 = {
    .name = "libx264", .open = open_x264, .close = close_x264, .encode = encode_x264};
