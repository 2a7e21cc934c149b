#pragma once
// Decodes the access units of a stream's codec, H.264, VP9 or AV1, and paints parts of the pictures. Both are libavcodec's and libyuv's part.

#include "export/pixels.h"

struct video;

// `codec` as hello tells it (RFC 6381). -EPROTO: none that a stream has; -ENOMEM; -ENOTSUP: libavcodec lacks it.
int video_new(const char *codec, struct video **ret_video);
void video_free(struct video *video);
// One access unit, one picture. -EPROTO.
int video_decode(struct video *video, const uint8_t *data, size_t length);
// Paints a rectangle of the last picture, whose top left lies at x, y of the surface. -EPROTO: it is not inside.
int video_paint(const struct video *video, unsigned x, unsigned y, struct rectangle rectangle,
                struct surface surface);
