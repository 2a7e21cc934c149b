#include "streaming/cursor.h"

#include <errno.h>
#include <stdlib.h>

#include <xcb/xcbext.h>
#include <xcb/xfixes.h>

#include "lib/cleanup.h"
#include "lib/wire.h"

void cursor_init(struct cursor *c, struct display *display)
{
    *c = (struct cursor){.changed = true};
    xcb_xfixes_select_cursor_input(display->connection, display->setup.root,
                                   XCB_XFIXES_CURSOR_NOTIFY_MASK_DISPLAY_CURSOR);
}

void cursor_request(struct cursor *c, struct display *display, uint64_t now_us)
{
    c->sequence = xcb_xfixes_get_cursor_image(display->connection).sequence;
    c->changed = false;
    c->requested = true;
    c->next_us = now_us + CURSOR_INTERVAL_US;
}

static uint8_t straight(uint32_t value, uint32_t alpha)
{
    uint32_t result = (value * 255 + alpha / 2) / alpha;
    return (uint8_t)(result < 255 ? result : 255);
}

static void write_pixel(struct writer *w, uint32_t pixel)
{
    uint32_t alpha = pixel >> 24;
    uint8_t rgba[4] = {0};
    if (alpha > 0) {
        rgba[0] = straight(pixel >> 16 & 0xff, alpha);
        rgba[1] = straight(pixel >> 8 & 0xff, alpha);
        rgba[2] = straight(pixel & 0xff, alpha);
        rgba[3] = (uint8_t)alpha;
    }
    write_bytes(w, rgba, sizeof(rgba));
}

void cursor_write(struct writer *w, const struct cursor_image *image)
{
    uint16_t width = image->width < CURSOR_SIDE_MAX ? image->width : CURSOR_SIDE_MAX;
    uint16_t height = image->height < CURSOR_SIDE_MAX ? image->height : CURSOR_SIDE_MAX;
    if (width == 0 || height == 0)
        width = height = 0;
    uint16_t hot_x = image->hot_x < width ? image->hot_x : 0;
    uint16_t hot_y = image->hot_y < height ? image->hot_y : 0;
    wire_write_cursor(w, width, height, hot_x, hot_y);
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++)
            write_pixel(w, image->pixels[y * image->width + x]);
    }
}

int cursor_receive(struct cursor *c, struct display *display, struct outbox *outbox)
{
    void *reply_pointer = NULL;
    xcb_generic_error_t *error_pointer = NULL;
    if (!xcb_poll_for_reply(display->connection, c->sequence, &reply_pointer, &error_pointer))
        return -EAGAIN;
    AUTO_FREE xcb_xfixes_get_cursor_image_reply_t *reply = reply_pointer;
    AUTO_FREE xcb_generic_error_t *error = error_pointer;
    c->requested = false;
    if (error)
        return 0; // no cursor is defined yet
    if (!reply || (uint64_t)reply->width * reply->height > reply->length)
        return -EPROTO;
    struct cursor_image image = {.width = reply->width,
                                 .height = reply->height,
                                 .hot_x = reply->xhot,
                                 .hot_y = reply->yhot,
                                 .pixels = xcb_xfixes_get_cursor_image_cursor_image(reply)};
    struct writer w = outbox_begin(outbox);
    cursor_write(&w, &image);
    return outbox_end(outbox, &w);
}
