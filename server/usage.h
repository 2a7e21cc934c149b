#pragma once
// What each sandbox takes, for sandboxctl top: sandboxd's list tells what its control groups have used, and the viewers are our own. As labels
// of /metrics these would be too many series.

#include "server/sandboxes.h"

struct usage;

// NULL when memory is out.
struct usage *usage_new(struct sandboxes *sandboxes);
void usage_free(struct usage *usage);

// sandboxd's answers to the list that was asked for here; others are passed over.
void usage_entry(struct usage *usage, const struct sandboxd_entry *entry);
void usage_list_end(struct usage *usage);
// sandboxd has gone: who waits is answered with what is known.
void usage_abort(struct usage *usage);
