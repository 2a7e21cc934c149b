#include "streaming/clipboard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/xfixes.h>

#include "lib/cleanup.h"

static const char *const atom_names[CLIPBOARD_ATOMS] = {
    [ATOM_CLIPBOARD] = "CLIPBOARD",
    [ATOM_TARGETS] = "TARGETS",
    [ATOM_INCR] = "INCR",
    [ATOM_UTF8_STRING] = "UTF8_STRING",
    [ATOM_TEXT_UTF8] = "text/plain;charset=utf-8",
    [ATOM_TEXT_PLAIN] = "text/plain",
    [ATOM_PNG] = "image/png",
    [ATOM_PROPERTY] = "_SANDBOX_CLIPBOARD",
};

static int find_atoms(struct clipboard *c)
{
    xcb_connection_t *x = c->display->connection;
    xcb_intern_atom_cookie_t cookies[CLIPBOARD_ATOMS];
    for (size_t i = 0; i < CLIPBOARD_ATOMS; i++)
        cookies[i] = xcb_intern_atom(x, 0, (uint16_t)strlen(atom_names[i]), atom_names[i]);
    int error = 0;
    for (size_t i = 0; i < CLIPBOARD_ATOMS; i++) {
        AUTO_FREE xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(x, cookies[i], NULL);
        if (reply && reply->atom != XCB_NONE)
            c->atoms[i] = reply->atom;
        else
            error = -EPROTO;
    }
    return error;
}

int clipboard_init(struct clipboard *c, struct display *display, const struct streamer_start *start)
{
    *c = (struct clipboard){.display = display};
    if (!start->view_only) {
        c->to_sandbox_max = start->policy.clipboard_to_sandbox;
        c->to_browser_max = start->policy.clipboard_to_browser;
    }
    if (c->to_sandbox_max == 0 && c->to_browser_max == 0)
        return 0;
    int error = find_atoms(c);
    if (error || c->to_browser_max == 0)
        return error;
    xcb_xfixes_select_selection_input(display->connection, display->window, c->atoms[ATOM_CLIPBOARD],
                                      XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER);
    c->fetch.changed = true; // what is there already
    return 0;
}

void clipboard_data_free(struct clipboard_data *data)
{
    free(data->bytes);
    *data = (struct clipboard_data){0};
}

bool clipboard_data_valid(const struct clipboard_data *data)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    return data->type == WIRE_CLIPBOARD_TEXT ||
           (data->length > sizeof(signature) && memcmp(data->bytes, signature, sizeof(signature)) == 0);
}

void clipboard_finish(struct clipboard *c)
{
    clipboard_data_free(&c->fetch.data);
    clipboard_data_free(&c->offer.data);
    clipboard_data_free(&c->incoming.data);
    clipboard_data_free(&c->outgoing.data);
}

void clipboard_event(struct clipboard *c, const xcb_generic_event_t *event, uint64_t now_us)
{
    uint8_t type = event->response_type & 0x7f;
    if (type == c->display->selection_event) {
        const xcb_xfixes_selection_notify_event_t *notify = (const void *)event;
        if (c->to_browser_max > 0 && notify->owner != XCB_NONE && notify->owner != c->display->window)
            c->fetch.changed = true;
        return;
    }
    fetch_event(c, event, now_us);
    offer_event(c, event, now_us);
}
