#pragma once
// What a browser does with the stream: it decodes, paints and acknowledges, and checks the protocol's rules
// on the way.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "lib/wire.h"

struct canvas {
    uint16_t width, height;
    uint8_t *pixels; // BGRX
    uint32_t sequence, input;
    unsigned video_frames, key_frames, lossless, cursors, hellos, statistics, displays, clipboards, pointers;
    uint16_t pointer_x, pointer_y;
    unsigned grouped;  // messages that their update's last one is acknowledged for
    bool key_expected; // the display's size was told anew
    size_t lossless_pixels;
    size_t bytes;
    uint32_t quantizer; // as statistics told it last
    size_t last_count;  // rectangles of the last video frame
    uint64_t captured_us;
    struct wire_frame_header header;
    uint16_t cursor_width, cursor_height;
    char codec[64];
    unsigned copies, deflated, regions; // regions: video frames of less than the display
    size_t copied_pixels;
    struct rectangle last_copy;
    z_stream inflater;
    bool inflating;
    struct AVCodecContext *decoder;
    struct AVFrame *frame;
    struct AVPacket *packet;
};

void canvas_init(struct canvas *c);
void canvas_finish(struct canvas *c);
// Applies one message; asserts that it obeys docs/PROTOCOL.md. Returns true when it has to be acknowledged.
bool canvas_apply(struct canvas *c, const uint8_t *message, size_t length);
// The acknowledgement of all that was applied.
size_t canvas_acknowledgement(const struct canvas *c, uint8_t ret_message[static 16]);
