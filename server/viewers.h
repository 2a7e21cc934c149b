#pragma once
// The desktop WebSockets: each relays between one browser and one sandbox-streamer, and carries notices.

#include <libwebsockets.h>

#include "server/tickets.h"
#include "store/sandbox.h"

struct server;
struct viewers;
struct viewer;
struct sandbox;
struct sandboxd_message;

#define VIEWER_PROTOCOL "sandbox.desktop.v1"

// NULL when memory is out.
struct viewers *viewers_new(struct server *server);
void viewers_free(struct viewers *viewers);

// For a WebSocket that is about to be accepted. NULL when memory is out.
struct viewer *viewer_new(struct viewers *viewers, struct lws *wsi, struct sandbox *sandbox,
                          const struct ticket *ticket);
void viewer_free(struct viewer *viewer);
int viewer_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length);

// Sends a text (taken; NULL: memory was out) to all viewers of a sandbox.
void viewers_notice(struct sandbox *sandbox, char *text);
// Its deadlines are known.
void viewers_started(struct sandbox *sandbox);
// Tells them why, then closes.
void viewers_end(struct sandbox *sandbox, enum stop_reason reason, const char *detail);
// The sandbox's memory goes.
void viewers_forget(struct sandbox *sandbox);

// Closes those whose sign-in or link has ended, and gives guests the rights of their link; asks the database.
void viewers_check(struct viewers *viewers);
void viewers_account_disabled(struct viewers *viewers, const struct id *account);
// 1001 for all.
void viewers_go_away(struct viewers *viewers);

void viewers_sandboxd_gone(struct viewers *viewers);
void viewers_sandboxd_back(struct viewers *viewers);
// `fd` is taken.
void viewers_attached(struct viewers *viewers, uint64_t number, int fd);
void viewers_attach_failed(struct viewers *viewers, uint64_t number, int error);
