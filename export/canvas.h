#pragma once
// The display that a recording shows: applies the messages of docs/PROTOCOL.md one after the other. Every byte is hostile.

#include "export/cursor.h"

struct video;

struct canvas {
    uint16_t width, height; // 0: no hello yet
    uint8_t *picture;       // BGRX
    bool shown;             // a key frame has been painted since the size was told
    bool changed;           // since whoever looks has set it to false
    uint64_t captured_us;   // of the last update
    struct video *video;
    struct pixels pixels;
    struct cursor cursor;
};

// A zeroed one may be finished.
int canvas_init(struct canvas *canvas);
void canvas_finish(struct canvas *canvas);
// -EPROTO: the message is none of the stream, or does not fit what came before; -ENOMEM, -ENOTSUP.
int canvas_apply(struct canvas *canvas, const uint8_t *message, size_t length);
// The message belongs to the update that was applied last: with what came before it is one picture.
bool canvas_continues(const struct canvas *canvas, const uint8_t *message, size_t length);
// The display's size when the message tells one.
bool canvas_size_of(const uint8_t *message, size_t length, uint16_t *ret_width, uint16_t *ret_height);
