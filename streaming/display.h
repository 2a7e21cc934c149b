#pragma once
// The connection to the X server. The server shares its sandbox with the user's programs: each reply and
// event is hostile until checked.

#include <stdint.h>

#include <xcb/xcb.h>

#include "lib/streamer_channel.h"
#include "streaming/xsetup.h"

struct display {
    xcb_connection_t *connection;
    struct xsetup setup;
    uint8_t damage_event;    // DamageNotify's event number
    uint8_t cursor_event;    // CursorNotify's event number
    uint8_t selection_event; // XFixesSelectionNotify's
    uint8_t randr_event;     // RRScreenChangeNotify's; 0 without RANDR
    uint8_t alarm_event;     // SyncAlarmNotify's; 0 without SYNC
    uint32_t window;         // ours, never shown: what needs a window of its own uses it
};

// Signs in with the cookie and checks the extensions and the size. Takes the descriptor over, also on
// failure. 0; -EACCES when the server refused the cookie or is gone, -EOPNOTSUPP without an extension,
// -EPROTO when its answers make no sense or its size is larger than the start message's; ret_problem says it in words
// then. Blocks: the caller's watchdog bounds it.
int display_init(struct display *d, int fd, const struct streamer_start *start, const char **ret_problem);
void display_finish(struct display *d);

// 0, or -ECONNRESET when the connection has ended or libxcb found it broken.
int display_check(const struct display *d);
// Returns when the server has handled all that was sent before.
void display_synchronise(struct display *d);
