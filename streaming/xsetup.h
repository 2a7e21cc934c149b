#pragma once
// The X server's answer to the connection set-up (X11 protocol, section 8), checked byte by byte: libxcb
// hands it out as it came.

#include <stddef.h>
#include <stdint.h>

struct xsetup {
    uint32_t root; // window
    uint16_t width, height;
    uint8_t depth;
    uint8_t keycode_min, keycode_max;
};

// Reads the first screen. -EPROTO when the answer is cut short, has no screen, or says things that can't be
// (key codes below 8, no resource ids to hand out).
int xsetup_read(const void *data, size_t length, struct xsetup *ret_setup);
