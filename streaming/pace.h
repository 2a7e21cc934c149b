#pragma once
// When an update may be made, and how many bytes it may have. Pure: the caller passes the time (µs,
// monotonic) in.
//
// An update is what one capture yields: one video frame or the lossless rectangles of one turn. path.h bounds what is on its way and
// knows the rate; a bucket of tokens keeps the rate over time. A thin way costs quality first, then frame rate.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/path.h"

#define PACE_FOREVER UINT64_MAX // until an acknowledgement

#define QUANTIZER_BEST 20
#define QUANTIZER_WORST 46

struct pace {
    struct path path;
    uint64_t interval_min_us; // of VIDEO_FRAMERATE
    uint64_t interval_us;     // in force: longer where a frame would be too coarse, or the browser too slow
    uint64_t next_us;         // the frame rate permits no update before
    int64_t tokens;           // bytes; negative after an update larger than its share
    uint64_t tokens_us;       // when tokens were last reckoned
    double cost[2];           // bytes of a macroblock at QUANTIZER_BEST: in P and in IDR frames
    double repair_cost;       // bytes of a macroblock in lossless repairs
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
    PACE_ECHO,    // small damage that goes ahead of a moving picture, which it does not delay
    PACE_REPAIR, // pixels the browser has already seen in lossy form: it never delays damage that comes after
                 // it
};

// An update is handed to the socket now, its encoding done; `sequence` is its last message's. It must have been permitted by
// pace_wait() or pace_permits_echo().
void pace_sent(struct pace *p, uint64_t now_us, uint32_t sequence, size_t bytes, enum pace_update kind);
// True when the echo of input, a small patch, may be sent although pace_wait() has other damage wait.
bool pace_permits_echo(const struct pace *p);
// True when at most one update is on its way, so that a repair does not queue in front of input's echo.
bool pace_permits_repair(const struct pace *p);
// How many macroblocks a repair may have to fit into the allowance, at least one; fewer while the viewer is `busy`, whose next echo waits
// for it. And what it then cost.
size_t pace_repair_macroblocks(struct pace *p, uint64_t now_us, bool busy);
void pace_learn_repair(struct pace *p, size_t macroblocks, size_t bytes);
// 0, or -EPROTO when that sequence was never sent.
int pace_acknowledged(struct pace *p, uint64_t now_us, const struct path_acknowledgement *acknowledgement);
