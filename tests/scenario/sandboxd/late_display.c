// sandbox-display that comes late: only when the window manager answers, so is up, does it begin.
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/xcb.h>

#include "lib/cleanup.h"

#define ASK_AGAIN_MS 10

int display_main(int argc, char **argv); // of sandbox/display/main.c

static xcb_atom_t find_atom(xcb_connection_t *c, const char *name)
{
    AUTO_FREE xcb_intern_atom_reply_t *reply =
        xcb_intern_atom_reply(c, xcb_intern_atom(c, 0, (uint16_t)strlen(name), name), NULL);
    return reply ? reply->atom : XCB_NONE;
}

// What it is asked before its loop runs it drops: then nothing answers, and it is asked again.
static int wait_for_window_manager(xcb_connection_t *c)
{
    uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    xcb_window_t root = xcb_setup_roots_iterator(xcb_get_setup(c)).data->root, window = xcb_generate_id(c);
    xcb_create_window(c, 0, window, root, 0, 0, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY, 0, XCB_CW_EVENT_MASK,
                      &events);
    xcb_client_message_event_t request = {.response_type = XCB_CLIENT_MESSAGE,
                                          .format = 32,
                                          .window = window,
                                          .type = find_atom(c, "_NET_REQUEST_FRAME_EXTENTS")};
    struct pollfd answer = {.fd = xcb_get_file_descriptor(c), .events = POLLIN};
    while (!xcb_connection_has_error(c)) {
        xcb_send_event(c, 0, root, XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY,
                       (const char *)&request);
        xcb_flush(c);
        poll(&answer, 1, ASK_AGAIN_MS);
        AUTO_FREE xcb_generic_event_t *event = xcb_poll_for_event(c);
        if (event && (event->response_type & 0x7f) == XCB_PROPERTY_NOTIFY)
            return 0;
    }
    return -1;
}

int main(int argc, char **argv)
{
    xcb_connection_t *c = xcb_connect(NULL, NULL);
    if (wait_for_window_manager(c) < 0)
        return EXIT_FAILURE;
    return display_main(
        argc,
        argv); // the connection stays: answers that are still under way would go to who has its ids next
}
