#include "server/viewer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/audience.h"
#include "server/clock.h"
#include "server/http.h"
#include "server/notices.h"
#include "server/recorder.h"
#include "server/sandboxes.h"
#include "server/server.h"

#define CLOSE_SECONDS 3 // for a browser that does not read to be told
#define EXPIRY_LOOK_US (60 * SECOND_US)

// Again every minute, so that a step of the wall clock is seen.
static void on_expiry(void *data)
{
    struct viewer *viewer = data;
    int64_t left = viewer->ticket.share_expires_us - clock_wall_us();
    if (left > 0)
        loop_timer_set(viewer->server->loop, &viewer->expiry, left < EXPIRY_LOOK_US ? left : EXPIRY_LOOK_US);
    else
        viewer_close(viewer, CLOSE_LINK_ENDED, "the link has expired");
}

struct viewer *viewer_new(struct viewers *viewers, struct lws *wsi, struct sandbox *sandbox,
                          const struct ticket *ticket)
{
    struct viewer *viewer = calloc(1, sizeof(*viewer));
    if (!viewer)
        return NULL;
    viewer->viewers = viewers;
    viewer->server = viewers_server(viewers);
    viewer->wsi = wsi;
    viewer->sandbox = sandbox;
    viewer->ticket = *ticket;
    viewer->stream = -1;
    viewer->watch.fd = -1;
    viewer->up.view_only = ticket->view_only;
    viewer->id = id_new();
    viewer->since_us = clock_wall_us();
    viewer->expiry = (struct loop_timer){.fire = on_expiry, .data = viewer};
    viewers_add(viewers, viewer);
    return viewer;
}

void viewer_free(struct viewer *viewer)
{
    if (!viewer)
        return;
    viewers_remove(viewer->viewers, viewer);
    loop_timer_cancel(&viewer->retry);
    loop_timer_cancel(&viewer->expiry);
    loop_watch_remove(viewer->server->loop, &viewer->watch);
    if (viewer->stream >= 0)
        close(viewer->stream);
    relay_up_finish(&viewer->up);
    for (unsigned i = 0; i < viewer->notice_count; i++)
        free(viewer->notices[i]);
    free(viewer);
}

void viewer_notice(struct viewer *viewer, char *text)
{
    if (!text || viewer->close_code || !viewer->established) {
        free(text);
        return;
    }
    // Notices are few: who has not taken eight of them does not read.
    if (viewer->notice_count == VIEWER_NOTICES_MAX) {
        free(text);
        viewer_close(viewer, CLOSE_TOO_MUCH, "too slow");
        return;
    }
    viewer->notices[viewer->notice_count++] = text;
    lws_callback_on_writable(viewer->wsi);
}

void viewer_tell(struct viewer *viewer, enum tell what)
{
    if (viewer->close_code || !viewer->established)
        return;
    viewer->tell |= what;
    lws_callback_on_writable(viewer->wsi);
}

void viewer_set_access(struct viewer *viewer, bool control)
{
    if (viewer->up.view_only == !control || viewer->close_code)
        return;
    viewer->up.view_only = !control;
    viewer->up.changed = true;
    viewer_tell(viewer, TELL_ACCESS);
    viewer_stream_renew(viewer);
}

void viewer_close(struct viewer *viewer, enum close_code code, const char *reason)
{
    if (viewer->close_code)
        return;
    viewer->close_code = code;
    if (code == CLOSE_TOO_MUCH || code == CLOSE_TOO_MANY_VIEWERS)
        metrics_limit(&viewer->server->metrics, code == CLOSE_TOO_MUCH ? LIMIT_BROWSER : LIMIT_VIEWERS);
    viewer->close_reason = reason;
    loop_timer_cancel(&viewer->retry);
    viewer_stream_end(viewer);
    if (!viewer->established)
        return;
    lws_set_timeout(viewer->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_SECONDS);
    lws_callback_on_writable(viewer->wsi);
}

static char *next_notice(struct viewer *viewer)
{
    if (viewer->notice_count) {
        char *text = viewer->notices[0];
        memmove(viewer->notices, viewer->notices + 1, --viewer->notice_count * sizeof(viewer->notices[0]));
        return text;
    }
    if (viewer->tell & TELL_ACCESS) {
        viewer->tell &= ~(unsigned)TELL_ACCESS;
        return notice_access(!viewer->up.view_only, ticket_is_guest(&viewer->ticket));
    }
    struct sandbox *sandbox = viewer->sandbox;
    if (viewer->tell & TELL_RECORDING) {
        viewer->tell &= ~(unsigned)TELL_RECORDING;
        return sandbox ? notice_recording(sandbox->policy.recording, recorder_on(sandbox),
                                          sandbox->recording_failed)
                       : NULL;
    }
    viewer->tell &= ~(unsigned)TELL_AUDIENCE;
    if (!sandbox)
        return NULL;
    bool guest = ticket_is_guest(&viewer->ticket);
    return notice_viewers(audience_count(sandbox), guest ? NULL : audience_json(sandbox, viewer));
}

static int write_notice(struct viewer *viewer)
{
    char *text = next_notice(viewer);
    lws_callback_on_writable(viewer->wsi);
    if (!text)
        return 0;
    size_t length = strnlen(text, SERVER_SCRATCH);
    unsigned char *at = viewer->server->scratch + LWS_PRE;
    memcpy(at, text, length);
    free(text);
    return lws_write(viewer->wsi, at, length, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

// The close frame is written here and the rest of what the browser sends is read and dropped until it answers or CLOSE_SECONDS are over:
// libwebsockets (4.1.6) gives up on more than one buffer of late messages, and the reset that follows loses the close code.
static int write_close(struct viewer *viewer)
{
    struct writer frame = writer_of(viewer->server->scratch + LWS_PRE, SERVER_SCRATCH);
    size_t length = strlen(viewer->close_reason);
    write_u8(&frame, 0x88); // FIN, close (RFC 6455 section 5.5.1); the length is under 126 bytes
    write_u8(&frame, (uint8_t)(length + 2));
    write_u8(&frame, (uint8_t)(viewer->close_code >> 8));
    write_u8(&frame, (uint8_t)(viewer->close_code & 0xff));
    write_bytes(&frame, viewer->close_reason, length);
    viewer->close_sent = true;
    // This mode passes bytes on as they are; the one for close frames is not public.
    return lws_write(viewer->wsi, frame.data, frame.length, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

static int on_writable(struct viewer *viewer)
{
    if (viewer->close_sent)
        return 0;
    // Notices never stand inside a fragmented message.
    if (!viewer->down.inside && (viewer->notice_count || (viewer->tell && !viewer->close_code)))
        return write_notice(viewer);
    if (!viewer->down.inside && viewer->close_code)
        return write_close(viewer);
    return viewer_stream_relay(viewer);
}

static int on_piece(struct viewer *viewer, const void *data, size_t length)
{
    if (viewer->close_code)
        return 0;
    struct relay_piece piece = {
        .data = data,
        .length = length,
        .first = lws_is_first_fragment(viewer->wsi),
        .last = lws_is_final_fragment(viewer->wsi),
        .binary = lws_frame_is_binary(viewer->wsi),
    };
    metrics_add(&viewer->server->metrics, METRIC_BYTES_FROM_BROWSERS, length);
    if (viewer->sandbox)
        viewer->sandbox->traffic.from_browsers += length;
    int result = viewer->up_waiting ? -EDQUOT : relay_up_piece(&viewer->up, &piece, clock_monotonic_us());
    if (result == -EDQUOT)
        viewer_close(viewer, CLOSE_TOO_MUCH, "too many messages or bytes");
    else if (result < 0)
        viewer_close(viewer, CLOSE_PROTOCOL, "a message broke the protocol");
    if (result < 1)
        return 0;
    if (viewer->up.rule->activity && viewer->sandbox)
        sandbox_active(viewer->sandbox);
    viewer_stream_send(viewer);
    return 0;
}

// A warning is given once: who comes after it, also by a reload of the page, has to be told as well.
static void greet(struct viewer *viewer, const struct sandbox *sandbox)
{
    const struct deadlines *deadlines = &sandbox->deadlines;
    viewer_notice(viewer, notice_session(&sandbox->row.id, deadlines->limit_us, deadlines->idle_us));
    viewer_notice(viewer, notice_policy(&sandbox->policy));
    if (deadlines->limit_warned)
        viewer_notice(viewer, notice_warning("limit", deadlines->limit_us));
    if (deadlines->idle_warned)
        viewer_notice(viewer, notice_warning("idle", deadlines->idle_us));
}

// The link may have been revoked, on any node, since the ticket was given.
static void welcome_guest(struct viewer *viewer)
{
    char share[ID_TEXT_SIZE], sandbox[ID_TEXT_SIZE];
    id_format(&viewer->ticket.share, share);
    id_format(&viewer->ticket.sandbox, sandbox);
    log_info("A guest watches", {"sandbox", sandbox}, {"link", share}, {"label", viewer->ticket.label},
             {"access", viewer->up.view_only ? "view" : "control"});
    on_expiry(viewer);
    viewers_check(viewer->viewers);
}

static int on_established(struct viewer *viewer)
{
    struct sandbox *sandbox = viewer->sandbox;
    viewer->established = true;
    if (!sandbox) {
        viewer_close(viewer, CLOSE_NO_DISPLAY, "the sandbox has ended");
        return 0;
    }
    // A recorder is a viewer too, to sandboxd.
    unsigned recorded = sandbox->recorder || sandbox->policy.recording == RECORDING_REQUIRED;
    if (sandbox->viewer_count >= VIEWER_MAX - recorded) {
        viewer_close(viewer, CLOSE_TOO_MANY_VIEWERS, "too many viewers of this sandbox");
        return 0;
    }
    sandbox->viewer_count++;
    viewer->counted = true;
    greet(viewer, sandbox);
    viewer_tell(viewer, TELL_ACCESS);
    viewer_tell(viewer, TELL_RECORDING);
    audience_changed(sandbox);
    if (ticket_is_guest(&viewer->ticket))
        welcome_guest(viewer);
    viewer_attach(viewer);
    return 0;
}

int viewer_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)user;
    struct connection *connection = lws_get_opaque_user_data(wsi);
    struct viewer *viewer = connection ? connection->viewer : NULL;
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return viewer ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED:
        return viewer ? on_established(viewer) : -1;
    case LWS_CALLBACK_RECEIVE:
        return viewer ? on_piece(viewer, in, length) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return viewer ? on_writable(viewer) : -1;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: // also the answer to ours
        return viewer && viewer->close_sent ? -1 : 0;
    case LWS_CALLBACK_CLOSED:
        if (connection)
            viewer_free(steal_pointer(&connection->viewer));
        return 0;
    default:
        return 0;
    }
}
