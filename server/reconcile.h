#pragma once
// After each connection to sandboxd: its list against the active rows of this node. Rows that sandboxd does not know have ended; sandboxes
// without a row are stopped; the others go on with their stored deadlines, and their rows say the limits and the network that sandboxd tells.

#include "lib/sandboxd_channel.h"

struct reconcile;
struct sandboxes;

struct reconcile *reconcile_new(struct sandboxes *sandboxes);
void reconcile_free(struct reconcile *reconcile);

void reconcile_begin(struct reconcile *reconcile);
void reconcile_abort(struct reconcile *reconcile);
bool reconcile_complete(const struct reconcile *reconcile);

void reconcile_entry(struct reconcile *reconcile, const struct sandboxd_entry *entry);
void reconcile_entry_header(struct reconcile *reconcile, const struct sandboxd_entry_header *header);
void reconcile_entry_rule(struct reconcile *reconcile, const struct egress_rule *rule);
void reconcile_list_end(struct reconcile *reconcile);
// A sandbox of the list has become something else before the rows were read.
struct sandbox_news;
void reconcile_news(struct reconcile *reconcile, const struct sandbox_news *news);

// Reads the rows for operators' wishes, and for rows that nobody has, alone.
void reconcile_read_wishes(struct reconcile *reconcile);
// The same in a moment: memory was out, and a row has nobody.
void reconcile_read_wishes_later(struct reconcile *reconcile);
