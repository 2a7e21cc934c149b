#include "server/audience.h"

#include <errno.h>

#include "lib/log.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewer.h"

static json_t *viewer_json(const struct viewer *viewer, const struct viewer *you)
{
    const struct ticket *ticket = &viewer->ticket;
    char id[ID_TEXT_SIZE], share[ID_TEXT_SIZE];
    id_format(&viewer->id, id);
    id_format(&ticket->share, share);
    bool guest = ticket_is_guest(ticket);
    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:b}", "id", id, "kind", guest ? "guest" : "owner",
                     "share", guest ? share : NULL, "label", ticket->label, "access",
                     viewer->up.view_only ? "view" : "control", "since", time_json(viewer->since_us), "you",
                     viewer == you);
}

static bool present(const struct viewer *viewer)
{
    return viewer->counted && !viewer->close_code;
}

unsigned audience_count(const struct sandbox *sandbox)
{
    unsigned count = 0;
    for (const struct viewer *viewer = sandbox->viewers; viewer; viewer = viewer->next_of_sandbox)
        count += present(viewer);
    return count;
}

json_t *audience_json(const struct sandbox *sandbox, const struct viewer *you)
{
    json_t *items = json_array();
    for (const struct viewer *viewer = sandbox->viewers; items && viewer; viewer = viewer->next_of_sandbox) {
        if (!present(viewer))
            continue;
        // The newest stands first among the sandbox's viewers.
        if (json_array_insert_new(items, 0, viewer_json(viewer, you)) < 0) {
            json_decref(items);
            return NULL;
        }
    }
    return items;
}

json_t *share_json(const struct store_share *share)
{
    char id[ID_TEXT_SIZE];
    id_format(&share->id, id);
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", id, "access", share->control ? "control" : "view",
                     "label", share->label, "created_at", time_json(share->created_us), "expires_at",
                     time_json(share->expires_us));
}

void audience_changed(struct sandbox *sandbox)
{
    for (struct viewer *viewer = sandbox->viewers; viewer; viewer = viewer->next_of_sandbox)
        viewer_tell(viewer, TELL_AUDIENCE);
}

static struct viewer *next_guest(struct viewer *viewer, const struct id *share)
{
    while (viewer && (viewer->close_code || !id_equal(&viewer->ticket.share, share)))
        viewer = viewer->next;
    return viewer;
}

void audience_set_access(struct server *server, const struct id *share, bool control)
{
    tickets_set_access(server->tickets, share, !control);
    struct viewer *viewer = viewers_first(server->viewers);
    for (; (viewer = next_guest(viewer, share)); viewer = viewer->next) {
        if (viewer->up.view_only == !control)
            continue;
        viewer_set_access(viewer, control);
        if (viewer->sandbox)
            audience_changed(viewer->sandbox);
    }
}

void audience_share_ended(struct server *server, const struct id *share)
{
    tickets_drop(server->tickets, share);
    struct viewer *viewer = viewers_first(server->viewers);
    for (; (viewer = next_guest(viewer, share)); viewer = viewer->next) {
        viewer_close(viewer, CLOSE_LINK_ENDED, "the link was revoked or has expired");
        if (viewer->sandbox)
            audience_changed(viewer->sandbox);
    }
}

int audience_end_viewer(struct sandbox *sandbox, const struct id *id)
{
    struct viewer *viewer = sandbox->viewers;
    while (viewer && (!present(viewer) || !id_equal(&viewer->id, id)))
        viewer = viewer->next_of_sandbox;
    if (!viewer)
        return -ENOENT;
    viewer_close(viewer, CLOSE_SENT_AWAY, "the owner ended this view");
    audience_changed(sandbox);
    return 0;
}
