#pragma once
// Operators' actions as the database announces them: a connection of its own that listens, made again whenever it breaks.

#include <stdbool.h>

struct notifications;
struct server;

// NULL when memory is out.
struct notifications *notifications_new(struct server *server, const char *database_url);
void notifications_free(struct notifications *notifications);
// Whether the database announces things now, and so answers.
bool notifications_listening(const struct notifications *notifications);
