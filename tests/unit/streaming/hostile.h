#pragma once
// The attacker: an X server in the hands of the user's programs, which answers as it likes.

#include <sys/types.h>

enum hostility {
    HOSTILE_NOT, // an honest, very small server
    HOSTILE_SETUP_REFUSED,
    HOSTILE_SETUP_WITHOUT_SCREEN,
    HOSTILE_SETUP_VENDOR,   // a vendor name longer than the answer
    HOSTILE_SETUP_CUT,      // an answer shorter than its fixed part
    HOSTILE_SETUP_SIZE,     // another size than the framebuffer's
    HOSTILE_SETUP_KEYCODES, // none
    HOSTILE_EXTENSION_MISSING,
    HOSTILE_XKB_REFUSED,  // the extension is there and refuses every version
    HOSTILE_KEYMAP_SHORT, // fewer symbols than it says
    HOSTILE_REGION_WILD,  // rectangles far outside, empty, too large
    HOSTILE_REGION_MANY,  // more of them than the display has pixels
    HOSTILE_REGION_REFUSED,
    HOSTILE_CURSOR_LIE,   // a size without its pixels
    HOSTILE_CURSOR_LARGE, // 1000 x 700, truly sent
    HOSTILE_CURSORS,      // another picture as large as can be, over and over
    HOSTILE_SELECTION, // a clipboard that changes hands over and over, with values that lie about themselves
    HOSTILE_POINTER, // one that is somewhere else whenever it is asked for, anywhere, and always has moved again
    HOSTILE_SIZES,         // another display size with each region, most of them impossible
    HOSTILE_REPLY_ENDLESS, // a reply of 16 GiB that never comes
    HOSTILE_REPLY_HALF,    // a reply whose rest never comes
    HOSTILE_EVENTS,        // a burst of events of all kinds with each region
    HOSTILE_FLOOD,         // events without end, faster than anybody reads them
    HOSTILE_NOISE,         // random bytes after the set-up
    HOSTILE_SILENT,        // takes the connection and says nothing
    HOSTILE_LEAVES,        // closes after the set-up
};

// Forks the server; ret_connection is the client's end. It ends with its connection.
pid_t hostile_start(enum hostility how, unsigned width, unsigned height, unsigned seed, int *ret_connection);
