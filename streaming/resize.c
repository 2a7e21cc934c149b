#include "streaming/resize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/randr.h>
#include <xcb/xcbext.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

#define SCALE_PROPERTY "_SANDBOX_SCALE"
#define REFRESH_HZ 60u
#define TENTHS_PER_INCH 254u
#define DPI 96u

static uint16_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return (uint16_t)(value < low ? low : value > high ? high : value);
}

// The one CRTC and output that the server has.
static int find_output(struct resize *r)
{
    xcb_connection_t *c = r->display->connection;
    AUTO_FREE xcb_randr_get_screen_resources_current_reply_t *reply =
        xcb_randr_get_screen_resources_current_reply(
            c, xcb_randr_get_screen_resources_current(c, r->display->setup.root), NULL);
    if (!reply || (size_t)reply->num_crtcs + reply->num_outputs > reply->length)
        return -EPROTO;
    if (reply->num_crtcs == 0 || reply->num_outputs == 0)
        return 0;
    r->crtc = xcb_randr_get_screen_resources_current_crtcs(reply)[0];
    r->output = xcb_randr_get_screen_resources_current_outputs(reply)[0];
    return 0;
}

static int negotiate(struct resize *r)
{
    xcb_connection_t *c = r->display->connection;
    const xcb_query_extension_reply_t *extension = xcb_get_extension_data(c, &xcb_randr_id);
    if (!extension || !extension->present)
        return 0;
    AUTO_FREE xcb_randr_query_version_reply_t *version =
        xcb_randr_query_version_reply(c, xcb_randr_query_version(c, 1, 3), NULL);
    // The current resources came with RANDR 1.3.
    if (!version || version->major_version != 1 || version->minor_version < 3)
        return 0;
    xcb_intern_atom_cookie_t atom = xcb_intern_atom(c, 0, sizeof(SCALE_PROPERTY) - 1, SCALE_PROPERTY);
    AUTO_FREE xcb_intern_atom_reply_t *scale = xcb_intern_atom_reply(c, atom, NULL);
    if (!scale)
        return -EPROTO;
    r->scale_atom = scale->atom;
    r->display->randr_event = extension->first_event;
    xcb_randr_select_input(c, r->display->setup.root, XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE);
    return find_output(r);
}

int resize_init(struct resize *r, struct display *display, const struct streamer_start *start)
{
    *r =
        (struct resize){.display = display,
                        .width_max = (uint16_t)start->width,
                        .height_max = (uint16_t)start->height,
                        .wish_width_max = clamp(start->policy.width_max, DISPLAY_WIDTH_MIN, start->width),
                        .wish_height_max = clamp(start->policy.height_max, DISPLAY_HEIGHT_MIN, start->height),
                        .enforces = !start->view_only,
                        .wanted_scale = 100};
    resize_notify(r, display->setup.width, display->setup.height);
    return negotiate(r);
}

void resize_notify(struct resize *r, uint32_t width, uint32_t height)
{
    uint16_t known_width = r->width, known_height = r->height;
    r->width = clamp(width, DISPLAY_WIDTH_MIN, r->width_max);
    r->height = clamp(height, DISPLAY_HEIGHT_MIN, r->height_max);
    r->display->setup.width = r->width;
    r->display->setup.height = r->height;
    r->changed |= r->width != known_width || r->height != known_height;
    if (r->enforces && (r->width > r->wish_width_max || r->height > r->wish_height_max))
        resize_want(r, r->width, r->height, r->wanted_scale);
}

void resize_want(struct resize *r, uint16_t width, uint16_t height, uint16_t scale_percent)
{
    r->wanted = true;
    r->wanted_width = clamp(width, DISPLAY_WIDTH_MIN, r->wish_width_max);
    r->wanted_height = clamp(height, DISPLAY_HEIGHT_MIN, r->wish_height_max);
    r->wanted_scale = scale_percent;
}

static void request_mode(struct resize *r)
{
    uint32_t width = r->wanted_width, height = r->wanted_height;
    // The server takes a name once; the window id of no other client is the same.
    char name[64];
    int length = snprintf(name, sizeof(name), "%ux%u-%x-%u", width, height, r->display->window, ++r->modes);
    xcb_randr_mode_info_t mode = {.width = (uint16_t)width,
                                  .height = (uint16_t)height,
                                  .dot_clock = width * height * REFRESH_HZ,
                                  .htotal = (uint16_t)width,
                                  .vtotal = (uint16_t)height,
                                  .name_len = (uint16_t)length};
    r->sequence =
        xcb_randr_create_mode(r->display->connection, r->display->setup.root, mode, (uint32_t)length, name)
            .sequence;
    r->requested = true;
    r->requested_width = r->wanted_width;
    r->requested_height = r->wanted_height;
}

uint64_t resize_advance(struct resize *r, uint64_t now_us)
{
    if (!r->wanted || r->requested)
        return UINT64_MAX;
    if (now_us < r->request_us)
        return r->request_us;
    r->wanted = false;
    if (r->crtc == 0) {
        r->answer = true;
        return UINT64_MAX;
    }
    r->request_us = now_us + RESIZE_REQUEST_US;
    uint32_t scale = r->wanted_scale;
    xcb_change_property(r->display->connection, XCB_PROP_MODE_REPLACE, r->display->setup.root, r->scale_atom,
                        XCB_ATOM_CARDINAL, 32, 1, &scale);
    if (r->wanted_width != r->width || r->wanted_height != r->height)
        request_mode(r);
    else
        r->answer = true;
    return UINT64_MAX;
}

static void put_in_force(struct resize *r, uint32_t mode)
{
    xcb_connection_t *c = r->display->connection;
    uint32_t root = r->display->setup.root;
    uint16_t width = r->requested_width, height = r->requested_height;
    // No other client sees, or makes, a change between these.
    xcb_grab_server(c);
    xcb_randr_add_output_mode(c, r->output, mode);
    xcb_randr_set_crtc_config(c, r->crtc, XCB_CURRENT_TIME, XCB_CURRENT_TIME, 0, 0, XCB_NONE,
                              XCB_RANDR_ROTATION_ROTATE_0, 0, NULL);
    xcb_randr_set_screen_size(c, root, width, height, width * TENTHS_PER_INCH / (DPI * 10),
                              height * TENTHS_PER_INCH / (DPI * 10));
    xcb_randr_set_crtc_config(c, r->crtc, XCB_CURRENT_TIME, XCB_CURRENT_TIME, 0, 0, mode,
                              XCB_RANDR_ROTATION_ROTATE_0, 1, &r->output);
    if (r->mode) {
        xcb_randr_delete_output_mode(c, r->output, r->mode);
        xcb_randr_destroy_mode(c, r->mode);
    }
    xcb_ungrab_server(c);
    r->mode = mode;
}

int resize_receive(struct resize *r)
{
    void *reply_pointer = NULL;
    xcb_generic_error_t *error_pointer = NULL;
    if (!xcb_poll_for_reply(r->display->connection, r->sequence, &reply_pointer, &error_pointer))
        return -EAGAIN;
    AUTO_FREE xcb_randr_create_mode_reply_t *reply = reply_pointer;
    AUTO_FREE xcb_generic_error_t *error = error_pointer;
    r->requested = false;
    if (reply && !error)
        put_in_force(r, reply->mode);
    else
        r->answer = true;
    return 0;
}
