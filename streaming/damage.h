#pragma once
// What the X server says has changed. It reports once when the damage of an idle screen begins; the region is
// then fetched and emptied in one go, so that no change is lost and a busy screen costs one round trip per
// update.

#include <stdbool.h>
#include <stdint.h>

#include <xcb/damage.h>
#include <xcb/xfixes.h>

#include "streaming/display.h"
#include "streaming/grid.h"

// A region with more rectangles is taken as damage of the full display.
#define DAMAGE_RECTANGLES_MAX 4096u

struct damage {
    uint32_t damage, region; // X ids
    bool reported;           // there is damage that was not asked for
    bool requested;          // the region is on its way
    bool fetched;            // the region was marked and waits for its update
    uint64_t reported_us;
    uint64_t fetched_us; // when the damage asked for was reported
    unsigned sequence;   // of the request on its way
};

void damage_init(struct damage *d, struct display *display);
// The X server reported damage.
void damage_notify(struct damage *d, uint64_t now_us);
// Asks for the region; what changes from here on is reported anew. The caller flushes.
void damage_request(struct damage *d, struct display *display);
// Marks the region that was asked for as CELL_DAMAGED. 0 when it is there, -EAGAIN when not yet, -EPROTO when
// the server refused it.
int damage_receive(struct damage *d, struct display *display, struct grid *grid);
// Marks rectangles of the X server, count of them, as CELL_DAMAGED: clamped, and all when there are too many.
void damage_mark(struct grid *grid, const xcb_rectangle_t *rectangles, size_t count);
