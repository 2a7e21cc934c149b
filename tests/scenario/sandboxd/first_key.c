// Run inside a desktop that is ready: presses a key as a streamer does and says whether the display's keymap became another by that.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <xcb/xcb.h>
#include <xcb/xtest.h>

#include "lib/cleanup.h"

#define SHIFT_KEYCODE 50u // Shift_L in every keymap of the rules evdev

int main(void)
{
    xcb_connection_t *c = xcb_connect(NULL, NULL);
    if (xcb_connection_has_error(c))
        return EXIT_FAILURE;
    xcb_test_fake_input(c, XCB_KEY_PRESS, SHIFT_KEYCODE, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
    xcb_test_fake_input(c, XCB_KEY_RELEASE, SHIFT_KEYCODE, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
    // Its reply comes after the events of what was asked before.
    AUTO_FREE xcb_get_input_focus_reply_t *reply = xcb_get_input_focus_reply(c, xcb_get_input_focus(c), NULL);
    bool changed = false;
    for (AUTO_FREE xcb_generic_event_t *event = NULL; (event = xcb_poll_for_event(c)); free(event))
        changed = changed || (event->response_type & 0x7f) == XCB_MAPPING_NOTIFY;
    puts(!reply ? "no answer" : changed ? "another keymap" : "the same keymap");
    xcb_disconnect(c);
    return EXIT_SUCCESS;
}
