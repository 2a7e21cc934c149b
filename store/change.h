#pragma once
// What operators ask of running sandboxes, and what their nodes answer.

#include <stdbool.h>

#include "lib/ids.h"
#include "store/store.h"

#define STORE_CHANGE_MAX 8192
#define STORE_CHANGE_PROBLEM_MAX 400
#define STORE_CHANGE_SECONDS 60 // an older one is not done any more: nobody waits for it

struct store_change {
    struct id id;
    struct id sandbox;
    char wish[STORE_CHANGE_MAX + 1]; // JSON
};

// Asks, and notifies (NOTIFICATION_CHANGE). -ENOENT: no such sandbox runs; -EINVAL: the wish is no JSON, or too long.
int store_change_ask(struct store *store, const struct store_change *change);
// The oldest one that a node has not answered. -ENOENT: there is none.
int store_change_next(struct store *store, const char *node, struct store_change *ret_change);
// problem NULL: it is done; cut at STORE_CHANGE_PROBLEM_MAX bytes. Notifies (NOTIFICATION_CHANGED). -ENOENT: who asked has given up.
int store_change_answer(struct store *store, const struct id *id, const char *problem);
// Takes it away, answered or not. ret_problem: "" when it is done. -ENOENT.
int store_change_take(struct store *store, const struct id *id, bool *ret_answered,
                      char ret_problem[static STORE_CHANGE_PROBLEM_MAX + 1]);
