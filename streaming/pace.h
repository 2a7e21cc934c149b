#pragma once
// When an update may be made, and how many bytes it may have. Pure: the caller passes the time (µs,
// monotonic) in.
//
// An update is what one capture yields: one video frame or the lossless rectangles of one turn. At most
// FRAMES_UNACKNOWLEDGED_MAX are on their way; a bucket of tokens holds the long-term rate; the rate itself
// falls when acknowledgements come late and rises again towards VIDEO_BITRATE_KBPS while it is what limits
// the stream.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"

#define PACE_FOREVER UINT64_MAX // until an acknowledgement

#define QUANTIZER_BEST 20
#define QUANTIZER_WORST 46

struct pace_flight {
    uint32_t sequence; // the update's last message
    uint64_t sent_us;
    bool limited; // the rate held this update back or coarsened it
};

struct pace {
    uint64_t interval_us;
    uint64_t next_us;   // the frame rate permits no update before
    uint64_t rate_max;  // bytes per second
    uint64_t rate;      // bytes per second, now
    int64_t tokens;     // bytes; negative after an update larger than its share
    uint64_t tokens_us; // when tokens were last reckoned
    struct pace_flight flights[FRAMES_UNACKNOWLEDGED_MAX];
    size_t flight_count;
    uint32_t sent_sequence;
    uint64_t delay_floor_us; // the shortest way to an acknowledgement seen
    uint64_t backoff_us;     // when the rate was last lowered
    double cost[2];          // bytes of a macroblock at QUANTIZER_BEST: in P and in IDR frames
};

void pace_init(struct pace *p, uint32_t framerate, uint32_t bitrate_kbps, uint64_t now_us);

// µs until an update may be made: 0 now, PACE_FOREVER when only an acknowledgement can permit it.
uint64_t pace_wait(struct pace *p, uint64_t now_us);
// Bytes that an update made now should not exceed.
size_t pace_allowance(struct pace *p, uint64_t now_us);
// How many macroblocks a frame of each quantizer codes: the changed ones, and those unchanged ones that are coarser so far.
struct pace_work {
    size_t macroblocks[QUANTIZER_WORST + 1];
};
// The finest quantizer whose frame is expected to fit into the allowance.
int pace_quantizer(struct pace *p, uint64_t now_us, const struct pace_work *work, bool key_frame);
// What a video frame of that quantizer cost, to learn from.
void pace_learn(struct pace *p, size_t macroblocks, bool key_frame, int quantizer, size_t bytes);

enum pace_update {
    PACE_FINE,    // damage, sent as good as it gets
    PACE_LIMITED, // damage, sent coarser than it would have been at a higher rate
    PACE_REPAIR, // pixels the browser has already seen in lossy form: it never delays damage that comes after
                 // it
};

// An update was handed to the socket; `sequence` is its last message's. It must have been permitted by
// pace_wait().
void pace_sent(struct pace *p, uint64_t now_us, uint32_t sequence, size_t bytes, enum pace_update kind);
// True when at most one update is on its way, so that a repair does not queue in front of input's echo.
bool pace_permits_repair(const struct pace *p);
// 0, or -EPROTO when that sequence was never sent.
int pace_acknowledged(struct pace *p, uint64_t now_us, uint32_t sequence);
