#pragma once
// The part of the display that plays: one encoder of just that region's size. A full display costs 4.5 ms per frame even where nothing
// changes, a region its share of that. The encoder is made anew when the region grows or has become far too large, and given up when the
// screen is exact again.
//
// The rule that keeps encoder and browser together: a video frame's rectangles are exactly the macroblocks whose current pixels were
// converted for it; all others are flagged unchanged and not painted. What copies and lossless rectangles have painted since therefore needs
// no record: the encoder's reference is old there, its input too, and neither reaches the screen before new damage converts it again.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/streamer_channel.h"
#include "streaming/encoder.h"
#include "streaming/grid.h"
#include "streaming/pace.h"

// What plays is not coded finer than this: once it is still it is repaired to the bit.
#define VIDEO_QUANTIZER_FINEST 20

struct video {
    struct encoder_settings settings; // of the full display; its strings are the start message's
    struct picture picture;           // of the full display
    struct encoder *encoder;          // of the region, or NULL
    char codec[CODEC_STRING_MAX];
    struct rectangle region; // pixels; empty without an encoder
    bool key_needed;
    uint8_t *quantizers;   // that each macroblock of the region was last coded with
    struct rectangle used; // what was painted of the region since it was last judged
    unsigned frames;       // since then
    unsigned encoded;      // frames, ever
    uint64_t opened_us, encoded_us;
};

struct video_frame {
    struct access_unit unit;
    int quantizer;
    uint32_t converted_us, encoded_us;
};

// Opens an encoder of the full display, which checks the settings.
int video_init(struct video *v, const struct streamer_start *start, const struct grid *grid);
void video_finish(struct video *v);

// Makes sure that the region covers all CELL_VIDEO cells, at the cost of a key frame when it did not. `full`: it covers the display.
int video_cover(struct video *v, const struct grid *grid, bool full, uint64_t now_us);
// Encodes the rectangles of the image, macroblock-aligned and inside the region.
int video_encode(struct video *v, struct pace *pace, const struct image *image,
                 const struct rectangle *rectangles, size_t count, uint64_t now_us,
                 struct video_frame *ret_frame);
// Nothing lossy is left on the screen: the encoder's memory is given back, where another encoder can be made later.
void video_rest(struct video *v);
