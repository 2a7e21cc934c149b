#pragma once
// The C half of docs/PROTOCOL.md: decoding the browser's messages, encoding the streamer's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/bytes.h"

#define WIRE_VERSION 1u

enum wire_kind {
    // streamer to browser
    WIRE_HELLO = 0x01,
    WIRE_VIDEO_FRAME,
    WIRE_LOSSLESS_RECTANGLE,
    WIRE_COPY_RECTANGLE,
    WIRE_CURSOR,
    WIRE_CLIPBOARD,
    WIRE_AUDIO,
    WIRE_DISPLAY,
    WIRE_STATISTICS,
    WIRE_POINTER_PLACE,
    // browser to streamer
    WIRE_ACKNOWLEDGE = 0x81,
    WIRE_KEY,
    WIRE_TEXT,
    WIRE_POINTER,
    WIRE_BUTTON,
    WIRE_WHEEL,
    WIRE_RELEASE_ALL,
    WIRE_RESIZE,
    WIRE_BROWSER_CLIPBOARD,
    WIRE_REFRESH,
    WIRE_BROWSER_AUDIO,
    WIRE_MICROPHONE,
    WIRE_VOICE,
    WIRE_SYMBOL = 0x90,
    WIRE_RELATIVE,
    WIRE_LOCKS,
    WIRE_LAYOUT,
};

// As x and y of a button or the wheel: where the pointer is.
#define WIRE_POINTER_HERE 0xffffu
// Bytes of a layout's and a variant's name, NUL-padded; the last is NUL.
#define WIRE_LAYOUT_NAME 16u
#define WIRE_VARIANT_NAME 32u

#define WIRE_FLAG_KEY_FRAME 0x01u
#define WIRE_FLAG_MORE 0x02u // of a frame: its update goes on, and the browser acknowledges that

// What a browser knows of the protocol besides its first version, as `queued` of its answer to hello.
#define WIRE_KNOWS_MORE 0x01u
#define WIRE_KNOWS_POINTER 0x02u

enum wire_lossless { WIRE_LOSSLESS_QOI = 1, WIRE_LOSSLESS_RAW = 2, WIRE_LOSSLESS_DEFLATED = 3 };

// What a clipboard message does to a transfer; either side may begin one, and another one ends it unfinished.
enum wire_clipboard_step {
    WIRE_CLIPBOARD_POLICY = 1, // streamer: `value` bytes may go to the sandbox, `value2` to the browser
    WIRE_CLIPBOARD_BEGIN,      // `value` bytes follow
    WIRE_CLIPBOARD_DATA,       // bytes from offset `value` on
    WIRE_CLIPBOARD_TAKEN,      // receiver: has `value` bytes so far
    WIRE_CLIPBOARD_REFUSED, // receiver: wants no more of it; streamer: its own was too large (`value` bytes, 0: not known)
};
enum wire_clipboard_type { WIRE_CLIPBOARD_TEXT = 1, WIRE_CLIPBOARD_PNG = 2 };

struct wire_clipboard {
    enum wire_clipboard_step step;
    enum wire_clipboard_type type; // of BEGIN; 0 otherwise
    uint32_t transfer;             // its sender's number of it
    uint32_t value;
    uint32_t value2;     // of POLICY; 0 otherwise
    const uint8_t *data; // borrowed from the message; of DATA
    size_t length;
};

#define WIRE_CLIPBOARD_HEADER 20u

struct rectangle {
    uint16_t x, y, width, height;
};

struct copy_rectangle {
    uint16_t source_x, source_y;
    struct rectangle target;
};

struct wire_frame_header {
    uint32_t sequence;
    uint32_t input;
    uint64_t captured_us;
    uint32_t waited_us;
    uint32_t converted_us;
    uint32_t encoded_us;
};

struct wire_statistics {
    uint32_t captured, encoded, skipped, sent_kib, encode_p50_us, encode_p95_us, quantizer;
    uint32_t rate_kbps, round_trip_us, queue_us, interval_us; // what the pace has found
};

// What sandbox-server needs to know of a browser's message, from its first byte alone.
struct wire_browser_rule {
    uint32_t size_min;
    uint32_t size_max;
    bool activity;  // a sign that a person is there: postpones the idle limit
    bool view_only; // permitted to a viewer that may only watch
};

// The rule of a browser's kind, or NULL when there is no such kind.
const struct wire_browser_rule *wire_browser_rule(uint8_t kind);

struct browser_message {
    enum wire_kind kind;
    uint32_t input; // of input messages
    union {
        struct {
            uint32_t sequence, decode_us, queued; // queued: WIRE_KNOWS_* when the sequence is 0
        } acknowledge;
        struct {
            uint16_t code; // Linux input event code, 1-255
            bool down;
        } key;
        uint32_t text; // a Unicode scalar value, no control character
        struct {
            uint16_t code; // 0: pressed and released at once; else as a key's
            bool shortcut;
            uint32_t character; // as text
        } symbol;
        struct {
            int16_t x, y;
        } relative;
        struct {
            bool caps, num;
        } locks;
        struct {
            // Names of xkeyboard-config: [a-z0-9_-], the variant may be empty.
            char name[WIRE_LAYOUT_NAME], variant[WIRE_VARIANT_NAME];
        } layout;
        struct {
            uint16_t x, y;
            uint8_t button; // button: 1, 2, 3, 8, 9
            bool down;
            int16_t horizontal, vertical; // wheel, 1/120 notch
        } pointer; // pointer, button, wheel; x and y are not yet checked against the display
        struct {
            uint16_t width, height, scale_percent;
        } resize;                        // within DISPLAY_*_MIN/MAX
        struct wire_clipboard clipboard; // no POLICY
        bool audio_on;
        bool microphone_on;
        struct {
            const uint8_t *data; // borrowed from the message: an Opus packet, not looked at
            size_t length;       // 1 to VOICE_PACKET_MAX
        } voice;
    };
};

// 0, or -EPROTO when kind, length, a range or a reserved byte is wrong; ret_message is untouched then.
int wire_decode_browser(const void *data, size_t length, struct browser_message *ret_message);

// Encoders append to a writer and set its `failed` when it is full. `codec` is at most 255 bytes.
void wire_write_hello(struct writer *w, uint16_t width, uint16_t height, uint16_t framerate,
                      const char *codec);
// Followed by the caller's access unit; x and y are where the top left of its picture lies.
void wire_write_video_frame(struct writer *w, bool key_frame, const struct wire_frame_header *header,
                            uint16_t x, uint16_t y, const struct rectangle *rectangles, size_t count);
// Followed by the caller's encoded pixels. `band` is 0 but for WIRE_LOSSLESS_DEFLATED.
void wire_write_lossless(struct writer *w, const struct wire_frame_header *header, struct rectangle rectangle,
                         enum wire_lossless encoding, uint8_t band);
void wire_write_copy(struct writer *w, const struct wire_frame_header *header,
                     const struct copy_rectangle *copies, size_t count);
// Followed by width * height RGBA pixels.
void wire_write_cursor(struct writer *w, uint16_t width, uint16_t height, uint16_t hot_x, uint16_t hot_y);
void wire_write_pointer_place(struct writer *w, uint16_t x, uint16_t y);
// Followed by the caller's Opus packet.
void wire_write_audio(struct writer *w, uint64_t captured_us);
// `codec` as hello's: it may name another level.
void wire_write_display(struct writer *w, uint16_t width, uint16_t height, const char *codec);
void wire_write_clipboard(struct writer *w, const struct wire_clipboard *clipboard);
void wire_write_statistics(struct writer *w, const struct wire_statistics *statistics);

#define WIRE_FRAME_HEADER_SIZE 28u
#define WIRE_RECTANGLE_SIZE 8u
#define WIRE_AUDIO_OVERHEAD 12u
#define WIRE_POINTER_PLACE_SIZE 8u
// Bytes of a video frame message before its access unit.
#define WIRE_VIDEO_FRAME_OVERHEAD_MAX (4u + WIRE_FRAME_HEADER_SIZE + 6u + WIRE_RECTANGLE_SIZE * 64u)
