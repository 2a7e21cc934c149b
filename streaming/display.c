#include "streaming/display.h"

#include <errno.h>
#include <stdlib.h>

#include <xcb/damage.h>
#include <xcb/xcbext.h>
#include <xcb/xfixes.h>
#include <xcb/xtest.h>

#include "lib/cleanup.h"

#define COOKIE_NAME "MIT-MAGIC-COOKIE-1"
#define DEPTH 24
// The bytes up to its length field, which counts the rest in units of 4 (X11 protocol, section 8).
#define SETUP_HEADER 8u

static int connect_display(struct display *d, int fd, const struct streamer_start *start)
{
    char name[] = COOKIE_NAME;
    uint8_t cookie[X_COOKIE_SIZE];
    for (size_t i = 0; i < sizeof(cookie); i++)
        cookie[i] = start->cookie[i];
    xcb_auth_info_t auth = {
        .namelen = sizeof(name) - 1, .name = name, .datalen = sizeof(cookie), .data = (char *)cookie};
    d->connection = xcb_connect_to_fd(fd, &auth);
    return xcb_connection_has_error(d->connection) ? -EACCES : 0;
}

static int find_event(struct display *d, xcb_extension_t *extension, uint8_t *ret_first_event)
{
    const xcb_query_extension_reply_t *reply = xcb_get_extension_data(d->connection, extension);
    if (!reply || !reply->present)
        return -EOPNOTSUPP;
    if (ret_first_event)
        *ret_first_event = reply->first_event;
    return 0;
}

// Each extension must be told the client's version before anything else is asked of it.
static int negotiate_versions(struct display *d)
{
    xcb_connection_t *c = d->connection;
    xcb_damage_query_version_cookie_t damage = xcb_damage_query_version(c, 1, 1);
    xcb_xfixes_query_version_cookie_t fixes = xcb_xfixes_query_version(c, 5, 0);
    xcb_test_get_version_cookie_t test = xcb_test_get_version(c, 2, 2);
    AUTO_FREE void *damage_reply = xcb_damage_query_version_reply(c, damage, NULL);
    AUTO_FREE void *test_reply = xcb_test_get_version_reply(c, test, NULL);
    AUTO_FREE xcb_xfixes_query_version_reply_t *fixes_reply = xcb_xfixes_query_version_reply(c, fixes, NULL);
    // Regions came with XFixes 2.
    return damage_reply && test_reply && fixes_reply && fixes_reply->major_version >= 2 ? 0 : -EOPNOTSUPP;
}

static int check_screen(struct display *d, const struct streamer_start *start)
{
    const xcb_setup_t *setup = xcb_get_setup(d->connection);
    int error = xsetup_read(setup, SETUP_HEADER + (size_t)setup->length * 4, &d->setup);
    if (error)
        return error;
    if (d->setup.width > start->width || d->setup.height > start->height || d->setup.depth != DEPTH)
        return -EPROTO;
    return 0;
}

static void make_window(struct display *d)
{
    uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    d->window = xcb_generate_id(d->connection);
    xcb_create_window(d->connection, 0, d->window, d->setup.root, 0, 0, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
                      0, XCB_CW_EVENT_MASK, &events);
}

int display_init(struct display *d, int fd, const struct streamer_start *start, const char **ret_problem)
{
    *d = (struct display){0};
    int error = connect_display(d, fd, start);
    *ret_problem = "the X server refused the connection";
    if (error)
        return error;
    *ret_problem = "the X server's screen is larger than the one of the start message";
    error = check_screen(d, start);
    if (error)
        return error;
    *ret_problem = "the X server lacks DAMAGE, XFIXES 2 or XTEST";
    if (find_event(d, &xcb_damage_id, &d->damage_event) || find_event(d, &xcb_xfixes_id, &d->cursor_event) ||
        find_event(d, &xcb_test_id, NULL))
        return -EOPNOTSUPP;
    d->selection_event = d->cursor_event; // XFixesSelectionNotify is its first event
    d->cursor_event = (uint8_t)(d->cursor_event + XCB_XFIXES_CURSOR_NOTIFY);
    error = negotiate_versions(d);
    if (!error)
        make_window(d);
    return error;
}

void display_finish(struct display *d)
{
    if (d->connection)
        xcb_disconnect(d->connection);
    *d = (struct display){0};
}

int display_check(const struct display *d)
{
    return xcb_connection_has_error(d->connection) ? -ECONNRESET : 0;
}

void display_synchronise(struct display *d)
{
    xcb_get_input_focus_cookie_t cookie = xcb_get_input_focus(d->connection);
    free(xcb_get_input_focus_reply(d->connection, cookie, NULL));
}
