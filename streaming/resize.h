#pragma once
// The display's size: what viewers ask for, and what the X server says is in force. Every viewer's streamer sees the changes that another one,
// or a program of the sandbox, has made. The framebuffer file keeps its size and its stride: a smaller display is its top left part.

#include <stdbool.h>
#include <stdint.h>

#include "streaming/display.h"

// A size asked for sooner after the last one waits; of several that wait the newest wins.
#define RESIZE_REQUEST_US UINT64_C(100000)
// The encoder is made anew at most this often, however often programs of the sandbox change the size.
#define RESIZE_APPLY_US UINT64_C(100000)

struct resize {
    struct display *display;
    uint32_t crtc, output; // 0: this X server can't change its size
    uint32_t scale_atom;   // of the root window's property that tells the desktop's programs the scale
    uint16_t width_max, height_max;           // the framebuffer's
    uint16_t wish_width_max, wish_height_max; // the policy's: whatever is larger is made smaller again
    uint16_t width, height;                   // in force, clamped to what the protocol permits
    bool changed;                             // they differ from what the encoder was made for
    uint64_t apply_us;                        // not before
    bool enforces; // the viewer may act: what is larger than the policy's is undone for it
    bool answer;   // the viewer asked for a size and keeps the one that is
    bool wanted;
    uint16_t wanted_width, wanted_height, wanted_scale;
    uint64_t request_us; // no request before
    bool requested;      // a mode is being made
    uint16_t requested_width, requested_height;
    unsigned sequence; // of that request
    uint32_t mode;     // of ours that is in force; 0: none
    uint32_t modes;    // made so far
};

// Blocks for a few answers of the X server: the caller's watchdog bounds it. 0 also without RANDR; -EPROTO when its answers make no sense.
int resize_init(struct resize *r, struct display *display, const struct streamer_start *start);
// RRScreenChangeNotify: a size that is out of range is clamped; one over the policy's, whoever chose it, is asked to be changed unless the
// viewer may only watch.
void resize_notify(struct resize *r, uint32_t width, uint32_t height);
// The viewer asks for a size, within DISPLAY_*_MIN/MAX; it is cut to the policy's.
void resize_want(struct resize *r, uint16_t width, uint16_t height, uint16_t scale_percent);
// Sends the requests that are due. Returns when to look again, UINT64_MAX when nothing waits. The caller flushes.
uint64_t resize_advance(struct resize *r, uint64_t now_us);
// The mode that was asked for is there: puts it in force. 0, -EAGAIN when it is not there yet. A server that refuses keeps its size.
int resize_receive(struct resize *r);
