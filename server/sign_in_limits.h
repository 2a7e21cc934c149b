#pragma once
// How often passwords may be tried. Who is refused is a source, never a username: nobody can lock another one out. A username at which many
// sources guess answers slowly meanwhile.

#include "server/exchange.h"

struct sign_in_limits;

// NULL when memory is out.
struct sign_in_limits *sign_in_limits_new(struct server *server);
// Answers those that are held back.
void sign_in_limits_free(struct sign_in_limits *limits);

// Before an attempt. 0: it goes on. -1: it does not, or later: the exchange was answered, or is held back and its work done then.
int sign_in_limits_take(struct sign_in_limits *limits, struct exchange *exchange, const char *username);
// It was no wrong one.
void sign_in_limits_refund(struct sign_in_limits *limits, const struct exchange *exchange,
                           const char *username);
