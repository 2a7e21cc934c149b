#pragma once
// What a backend of encoder.h provides. `unchanged` is the backend's own array, columns * rows bytes.

#include "streaming/encoder.h"

struct encoder_backend {
    const char *name; // of VIDEO_CODEC
    int (*open)(const struct encoder_settings *settings, char ret_codec[static CODEC_STRING_MAX],
                void **ret_state);
    void (*close)(void *state);
    int (*encode)(void *state, const struct picture *picture, const uint8_t *unchanged, int quantizer,
                  bool key_frame, struct access_unit *ret_unit);
};

extern const struct encoder_backend encoder_x264, encoder_vp9, encoder_av1;
