#pragma once
// A video encoder behind one small interface; VIDEO_CODEC chooses the backend.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/picture.h"

#define CODEC_STRING_MAX 32

struct encoder_settings {
    uint16_t width, height; // even
    uint32_t framerate;     // for the level only: frames come when something changes
    uint32_t bitrate_kbps;  // for encoders that take no quantizer per frame
    bool full_chroma;       // 4:4:4
    const char *codec, *preset, *tune;
};

struct access_unit {
    const uint8_t *data; // Annex B; the encoder's until its next call
    size_t length;
    bool key_frame;
};

struct encoder;

// Opens an encoder of these settings, but of a small size, and encodes one frame. -EINVAL with what is wrong, and which encoders this
// machine has, in words.
int encoder_check(const struct encoder_settings *settings, char *ret_problem, size_t size);

// 0; -ENOENT when this machine has no such encoder; -EINVAL when the codec, preset or tune is not known or the size is not encodable;
// -ENOMEM.
int encoder_new(const struct encoder_settings *settings, struct encoder **ret_encoder);
void encoder_free(struct encoder *e);

// RFC 6381, e.g. avc1.42C028, read from the encoder's own parameter sets.
const char *encoder_codec(const struct encoder *e);

// The flags of the picture's macroblocks, in raster order: 1 where the picture is the same as in the last
// call. The caller sets them before each encoder_encode(). One that was last coded with a coarser quantizer than this frame's is refined all the same. A macroblock that changed without being told apart
// here would be wrong until it changes again.
uint8_t *encoder_unchanged(struct encoder *e);

// One picture in, one access unit out. -EIO when the encoder failed; the encoder can't be used after that.
int encoder_encode(struct encoder *e, const struct picture *picture, int quantizer, bool key_frame,
                   struct access_unit *ret_unit);
