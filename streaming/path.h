#pragma once
// What the acknowledgements tell of the way to the browser: how long it is, how much it carries, and how much
// may be on it. Pure: the caller passes the time (µs, monotonic) in.
//
// The way is seen as one bottleneck that serves updates one after the other. An update that reaches it while
// an earlier one is served waits; from the moment its service began and the moment it ended follows what the
// bottleneck carries, whether the sender keeps it busy or not. So a stream that is seldom busy learns the
// capacity too, and the goodput of a still screen is never mistaken for it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"

struct path_flight {
    uint32_t sequence; // the update's last message
    uint64_t sent_us;
    size_t bytes;
    size_t loaded; // bytes on their way with it, itself included
    bool limited;  // the rate held this update back or coarsened it
};

struct path {
    struct path_flight flights[UPDATES_UNACKNOWLEDGED_MAX];
    size_t flight_count;
    size_t flight_bytes;
    uint32_t sent_sequence;
    bool greeted;             // the hello's acknowledgement is still awaited
    uint64_t hello_us;        // when the hello was sent
    uint64_t floor_us[2];     // the shortest way there and back: in this period, in the one before
    uint64_t floor_period_us; // when this period began
    uint64_t round_trip_us;   // smoothed, decoding and painting not included
    uint64_t queue_us;        // the last update's delay beyond the floor
    uint64_t served_us;       // when the bottleneck had served all that is acknowledged
    uint64_t served_bytes;    // of the latest updates that kept the bottleneck busy,
    uint64_t served_for_us;   // and how long that took
    uint32_t doubted;         // the rate is judged when this update has arrived; 0: it is not in doubt
    uint64_t stalled_us;      // when the end of a stall was last seen
    uint32_t decode_us;       // smoothed: from a message's arrival to its pixels
    uint32_t queued;          // messages that the browser had not painted yet
    uint64_t rate_max;        // bytes per second
    uint64_t rate;            // bytes per second that the stream may use
};

void path_init(struct path *p, uint64_t rate_max);

// The hello was handed to the socket; its acknowledgement (sequence 0) is the first measure of the way.
void path_greeted(struct path *p, uint64_t now_us);
// An update was handed to the socket. There is room: path_permits() said so, or path_permits_echo().
void path_sent(struct path *p, uint64_t now_us, uint32_t sequence, size_t bytes, bool limited);

struct path_acknowledgement {
    uint32_t sequence;
    uint32_t decode_us; // as the browser says; nothing depends on its being true but the browser's own stream
    uint32_t queued;
};
// 0, or -EPROTO when that sequence was never sent.
int path_acknowledged(struct path *p, uint64_t now_us, const struct path_acknowledgement *acknowledgement);

// µs there and back without any queue; 0 while unknown.
uint64_t path_floor(const struct path *p);
// Bytes that may be on their way before the queue at the bottleneck costs more than PATH_QUEUE_US.
size_t path_window(const struct path *p);
// True while one more update may be sent, at one per interval_us.
bool path_permits(const struct path *p, uint64_t interval_us);
// The same for the echo of input, which may go where other updates have to wait.
bool path_permits_echo(const struct path *p, uint64_t interval_us);

// The standing queue that the stream allows itself at the bottleneck.
#define PATH_QUEUE_US UINT64_C(50000)
// What the echo of input may add to a full window.
#define PATH_ECHO_BYTES 8192u
