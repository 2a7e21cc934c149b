#pragma once
// Requests that wait for a sandbox's start or end: a list of exchanges, all answered at once. Each function empties its list.

#include "server/exchange.h"
#include "server/sandboxes.h"

void waiters_add(struct exchange **list, struct exchange *exchange);
// 201 for who started it, 200 for the others.
void waiters_give_row(struct exchange **list, const struct sandbox *sandbox);
void waiters_start_failed(struct exchange **list, const struct sandbox *sandbox);
void waiters_store_failed(struct exchange **list, int error);
// sandboxd has not answered in time.
void waiters_interrupt(struct exchange **list);
