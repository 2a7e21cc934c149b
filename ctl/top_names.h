#pragma once
// The names of accounts, from the database as long as it answers: a node in trouble can be looked at without one.

#include "ctl/context.h"
#include "ctl/top_sample.h"
#include "store/account.h"

struct top_names {
    struct store *store; // NULL: there is no database to ask
    struct store_account_list accounts;
    int64_t asked_us; // monotonic; 0: never
};

// Without a database, or a right to it, accounts have no names.
void top_names_init(struct top_names *names, const struct context *context);
void top_names_finish(struct top_names *names);
// Puts names for the ids of accounts. Asks the database when one is unknown, at most every ten seconds.
void top_names_give(struct top_names *names, struct top_sample *sample);
