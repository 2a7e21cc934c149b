#pragma once
// Running statements; private to store/.

#include <libpq-fe.h>

#include "lib/cleanup.h"
#include "store/arguments.h"
#include "store/statements.h"
#include "store/store.h"

static inline void cleanup_result(PGresult **result)
{
    PQclear(*result);
}

#define QUERY_RESULT CLEANUP(cleanup_result) PGresult *

// Runs a statement of the table as a prepared one, connecting first where needed. `arguments` NULL: it has
// none. 0 with the result, which the caller clears, or an error of store.h, or what the database's code
// means: -EEXIST, -ENOENT (a reference to nothing), -EINVAL (a value or a check), -EDQUOT (a sequence has run
// out).
int query_run(struct store *store, enum statement statement, const struct arguments *arguments,
              PGresult **ret_result);

// As query_run for a statement whose number of rows is the answer: -ENOENT when it has none.
int query_one(struct store *store, enum statement statement, const struct arguments *arguments,
              PGresult **ret_result);

// As query_run on the present connection only: inside a transaction, a new connection would be outside of it.
// -ENOTCONN without one.
int query_continue(struct store *store, enum statement statement, const struct arguments *arguments,
                   PGresult **ret_result);

// Runs constant SQL text, of several statements perhaps, on the present connection. -ENOTCONN without one.
// Waits `milliseconds`, -1: without end.
int query_simple(struct store *store, const char *sql, int milliseconds);
