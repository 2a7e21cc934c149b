#pragma once
// Starts whose row is being made: from the request until the database has answered.

#include <stdbool.h>

#include "lib/ids.h"

struct server;

// Is a row with this id one that a request of this process is waiting for? Nobody has its sandbox yet, and it is not lost.
bool creation_under_way(const struct server *server, const struct id *id);
