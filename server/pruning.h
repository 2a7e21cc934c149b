#pragma once
// Has the database drop what has expired, every few minutes.

struct pruning;
struct server;

// NULL when memory is out.
struct pruning *pruning_new(struct server *server);
void pruning_free(struct pruning *pruning);
