#include "streaming/damage.h"

#include <errno.h>
#include <stdlib.h>

#include <xcb/xcbext.h>

#include "lib/cleanup.h"

void damage_init(struct damage *d, struct display *display)
{
    xcb_connection_t *c = display->connection;
    // A new damage object of a window begins with all of the window damaged.
    *d = (struct damage){.damage = xcb_generate_id(c), .region = xcb_generate_id(c), .reported = true};
    xcb_xfixes_create_region(c, d->region, 0, NULL);
    xcb_damage_create(c, d->damage, display->setup.root, XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
}

void damage_notify(struct damage *d, uint64_t now_us)
{
    if (d->reported)
        return;
    d->reported = true;
    d->reported_us = now_us;
}

void damage_request(struct damage *d, struct display *display)
{
    xcb_connection_t *c = display->connection;
    xcb_damage_subtract(c, d->damage, XCB_NONE, d->region);
    d->sequence = xcb_xfixes_fetch_region(c, d->region).sequence;
    if (!d->fetched)
        d->fetched_us = d->reported_us;
    d->reported = false;
    d->requested = true;
}

void damage_mark(struct grid *grid, const xcb_rectangle_t *rectangles, size_t count)
{
    if (count > DAMAGE_RECTANGLES_MAX) {
        grid_set_all(grid, CELL_DAMAGED);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct rectangle clamped;
        if (grid_clamp(grid, rectangles[i].x, rectangles[i].y, rectangles[i].width, rectangles[i].height,
                       &clamped)) {
            grid_set(grid, clamped, CELL_DAMAGED);
            grid->drawn = rectangles_union(grid->drawn, clamped);
        }
    }
}

int damage_receive(struct damage *d, struct display *display, struct grid *grid)
{
    void *reply_pointer = NULL;
    xcb_generic_error_t *error_pointer = NULL;
    if (!xcb_poll_for_reply(display->connection, d->sequence, &reply_pointer, &error_pointer))
        return -EAGAIN;
    AUTO_FREE xcb_xfixes_fetch_region_reply_t *reply = reply_pointer;
    AUTO_FREE xcb_generic_error_t *error = error_pointer;
    d->requested = false;
    if (!reply || error)
        return -EPROTO;
    // libxcb allocated length * 4 bytes behind the header, so a count taken from it stays inside.
    d->fetched = true;
    damage_mark(grid, xcb_xfixes_fetch_region_rectangles(reply), reply->length / 2);
    return 0;
}
