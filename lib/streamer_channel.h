#pragma once
// What sandbox-streamer is given by sandboxd, and the framing of its stream socket.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/init_channel.h"
#include "lib/policy.h"

#define STREAMER_STREAM_FD 3      // SOCK_SEQPACKET, non-blocking
#define STREAMER_DISPLAY_FD 4     // connected to the X server, not yet authenticated
#define STREAMER_FRAMEBUFFER_FD 5 // memfd, read only, sealed against shrinking and growing
#define STREAMER_START_FD 6       // sealed memfd with exactly one struct streamer_start
#define STREAMER_SOUND_FD 7       // SOCK_SEQPACKET, non-blocking: to the sandbox's recorder (lib/sound.h)

#define STREAMER_START_MAGIC 0x53545232u // "STR2"
#define STREAMER_NAME_MAX 32

struct streamer_start {
    uint32_t magic;
    uint32_t
        width; // of the framebuffer, pixels: the largest size of the display; 4 bytes each, rows without padding, after an XWD header of
               // FRAMEBUFFER_HEADER_SIZE
    uint32_t height;
    uint32_t framerate;    // frames per second, at most
    uint32_t bitrate_kbps; // upper bound while the picture moves
    struct stream_policy policy;
    uint8_t view_only; // 1: input messages are a protocol error
    uint8_t log_level; // enum log_level
    uint8_t log_json;
    uint8_t full_chroma; // VIDEO_CHROMA 444
    uint8_t alone;       // 1: no other streamer of this sandbox runs, so that nobody holds a key
    uint8_t reserved[3]; // 0
    uint8_t cookie[X_COOKIE_SIZE];
    char codec[STREAMER_NAME_MAX];  // VIDEO_CODEC, NUL-terminated
    char preset[STREAMER_NAME_MAX]; // VIDEO_PRESET
    char tune[STREAMER_NAME_MAX];   // VIDEO_TUNE
};

// Xvfb writes an XWD header of this size before the pixels: 100 bytes header, window name, colour map
// (Xvfb 21.1).
#define FRAMEBUFFER_HEADER_SIZE 3232u
// The exact size of the framebuffer file of a width x height display.
size_t framebuffer_size(uint32_t width, uint32_t height);

// 0, or -EPROTO when anything is out of range or not terminated.
int streamer_start_check(const struct streamer_start *start, size_t length);

// A packet of the stream socket is one flag byte and a part of a message of docs/PROTOCOL.md,
// STREAM_PACKET_MAX bytes in all. Towards the browser a message may take several packets; towards the
// streamer it is always one, with flags 0.
#define STREAM_PACKET_MORE 0x01u // more packets of this message follow
// Not for the browser: a struct stream_report for sandbox-server follows, exactly. It stands between messages.
#define STREAM_PACKET_REPORT 0x02u

// Durations are counted by their power of two: up to 1 ms, 2 ms, 4 ms ... 1,024 ms, longer.
#define STREAM_REPORT_BUCKETS 12
// More of anything in one report is a lie.
#define STREAM_REPORT_COUNT_MAX 1000000u

struct stream_histogram {
    uint32_t buckets[STREAM_REPORT_BUCKETS]; // not cumulative
    uint32_t reserved;
    uint64_t sum_us;
};

// What happened since the last report.
struct stream_report {
    uint32_t video_frames, lossless_rectangles, copies, skipped;
    struct stream_histogram encode; // per update: from its capture until it is ready to be sent
    struct stream_histogram
        input; // from an input's arrival until the browser has acknowledged the update after it
    struct stream_histogram
        acknowledged; // from an update's sending until the browser has acknowledged it; one at a time
};

void stream_histogram_add(struct stream_histogram *histogram, uint64_t us);
// 0, or -EPROTO when the length or a count is impossible.
int stream_report_check(const struct stream_report *report, size_t length);
