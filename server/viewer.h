#pragma once
// One desktop WebSocket; for viewers.c (all of them), viewer.c (the WebSocket) and viewer_stream.c (the streamer's side).

#include "server/limits.h"
#include "server/loop.h"
#include "server/relay.h"
#include "server/viewers.h"

enum tell { TELL_ACCESS = 1, TELL_AUDIENCE = 2, TELL_RECORDING = 4 };

// A streamer that lived this long did not fail at its start.
#define STREAM_PROVEN_US (10 * SECOND_US)

struct viewer {
    struct viewers *viewers;
    struct server *server;
    struct lws *wsi;
    struct sandbox *sandbox; // NULL once it has ended
    struct ticket ticket;
    struct id id;
    int64_t since_us;    // wall clock
    uint64_t number;     // as sandboxd knows its streamer
    struct viewer *next; // of all
    struct viewer *next_of_sandbox;
    bool established;
    bool counted; // in the sandbox's viewers

    int stream; // -1: none
    struct loop_watch watch;
    bool asked; // ATTACH was sent
    unsigned attempts;
    int64_t attached_us;
    struct loop_timer retry;
    struct relay_down down;
    bool cut; // its streamer went inside a message, which has to be ended

    struct relay_up up;
    bool up_waiting; // its packet did not fit into the stream

    char *notices[VIEWER_NOTICES_MAX];
    unsigned notice_count;
    unsigned tell;            // enum tell: said as it is then, once however often it changed
    struct loop_timer expiry; // of a guest's link
    enum close_code close_code;
    const char *close_reason; // a constant of at most 120 bytes
    bool close_sent;
};

struct server *viewers_server(const struct viewers *viewers);
void viewers_add(struct viewers *viewers, struct viewer *viewer);
void viewers_remove(struct viewers *viewers, struct viewer *viewer);
struct viewer *viewers_first(const struct viewers *viewers);
// A new number: what sandboxd still answers about the old one is not for this viewer any more.
void viewers_renumber(struct viewers *viewers, struct viewer *viewer);
// A number for a streamer, never given before.
uint64_t viewers_number(struct viewers *viewers);

// Takes the text.
void viewer_notice(struct viewer *viewer, char *text);
// Will say what holds when it is written, however slowly the browser reads.
void viewer_tell(struct viewer *viewer, enum tell what);
// Holds at once: from here on no input passes, or passes to a new streamer that takes it.
void viewer_set_access(struct viewer *viewer, bool control);
// Once all notices are out; the stream ends at once. The first reason holds.
void viewer_close(struct viewer *viewer, enum close_code code, const char *reason);

// viewer_stream.c
void viewer_attach(struct viewer *viewer);
void viewer_stream_begin(struct viewer *viewer, int fd);
void viewer_stream_end(struct viewer *viewer);
// With another streamer from here on.
void viewer_stream_renew(struct viewer *viewer);
// The streamer is gone: begins anew, or gives up with CLOSE_NO_DISPLAY.
void viewer_stream_lost(struct viewer *viewer);
// The WebSocket takes something: passes one packet on. -1: the WebSocket is broken.
int viewer_stream_relay(struct viewer *viewer);
// The packet in viewer->up is complete.
void viewer_stream_send(struct viewer *viewer);
