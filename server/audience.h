#pragma once
// Who watches a sandbox, and what each may do: its owner's windows, and guests by a link. What a guest may do is the link's alone, so that
// who leaves and comes back has the same rights as before.

#include <jansson.h>

#include "store/share.h"

struct sandbox;
struct server;
struct viewer;

// The viewers as a list for the owner; `you` is marked (NULL: nobody). The caller's reference; NULL: memory is out.
json_t *audience_json(const struct sandbox *sandbox, const struct viewer *you);
json_t *share_json(const struct store_share *share);

// How many of them there are.
unsigned audience_count(const struct sandbox *sandbox);

// All viewers will be told: somebody came, left, or may do something else.
void audience_changed(struct sandbox *sandbox);

// What a link permits from here on, to guests who are there and to those with a ticket.
void audience_set_access(struct server *server, const struct id *share, bool control);
// The link is good no more: its guests are closed at once.
void audience_share_ended(struct server *server, const struct id *share);
// Closes one viewer. -ENOENT: the sandbox has no such viewer.
int audience_end_viewer(struct sandbox *sandbox, const struct id *viewer);
