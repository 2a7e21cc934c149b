// What the X server has said.

#include <errno.h>

#include <xcb/randr.h>

#include "lib/cleanup.h"
#include "streaming/clock.h"
#include "streaming/viewer_private.h"

static void notice_size(struct viewer *v, const xcb_generic_event_t *event)
{
    const xcb_randr_screen_change_notify_event_t *change = (const void *)event;
    resize_notify(&v->resize, change->width, change->height);
}

static void handle_event(struct viewer *v, const xcb_generic_event_t *event)
{
    uint8_t type = event->response_type & 0x7f;
    if (type == v->display.damage_event)
        damage_notify(&v->damage, clock_us());
    else if (type == v->display.cursor_event)
        v->cursor.changed = true;
    else if (type == v->display.alarm_event && type != 0)
        pointer_stir(&v->pointer);
    else if (type == v->display.randr_event && type != 0)
        notice_size(v, event);
    else
        input_event(&v->input, event);
    clipboard_event(&v->clipboard, event, clock_us());
}

// Each look for a reply may put other replies and events into libxcb's queues, so only a pass that read nothing is the last one. What is queued is
// handled whole: a server that sends more events than a pass takes would fill the memory otherwise. A look reads 16 KiB at most, which bounds a pass.
int viewer_read_display(struct viewer *v, bool *ret_progress)
{
    uint64_t before = xcb_total_read(v->display.connection);
    bool received = false;
    bool events = false;
    xcb_generic_event_t *next = xcb_poll_for_event(v->display.connection);
    for (; next; next = xcb_poll_for_queued_event(v->display.connection)) {
        AUTO_FREE xcb_generic_event_t *event = next;
        handle_event(v, event);
        events = true;
    }
    if (display_check(&v->display))
        return viewer_fail(v, -ECONNRESET, "the X server ended the connection");
    if (v->damage.requested) {
        int error = damage_receive(&v->damage, &v->display, &v->update.grid);
        if (error && error != -EAGAIN)
            return viewer_fail(v, error, "the X server refused to tell the damage");
        received |= error == 0;
    }
    if (v->cursor.requested) {
        int error = cursor_receive(&v->cursor, &v->display, &v->outbox);
        if (error && error != -EAGAIN)
            return viewer_fail(v, error, "the X server sent an impossible cursor");
        received |= error == 0;
    }
    if (v->pointer.requested) {
        int error = pointer_receive(&v->pointer, &v->input);
        if (error && error != -EAGAIN)
            return viewer_fail(v, error, "the X server sent an impossible pointer");
        received |= error == 0;
    }
    if (v->resize.requested)
        received |= resize_receive(&v->resize) == 0;
    received |= clipboard_receive(&v->clipboard, clock_us()) == 0;
    int error = typing_refresh(&v->input.typing);
    *ret_progress = received || events || xcb_total_read(v->display.connection) != before;
    return viewer_fail(v, error, "the X server sent an impossible keyboard map");
}
