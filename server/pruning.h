#pragma once
// Every few minutes: has the database drop what has expired, and asks when the last backup was made.

struct pruning;
struct server;

// NULL when memory is out.
struct pruning *pruning_new(struct server *server);
void pruning_free(struct pruning *pruning);
