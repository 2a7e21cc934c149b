#pragma once
// One blocking connection to PostgreSQL. Not thread-safe: every worker thread has its own.
//
// What every call of this folder may return besides its own errors:
//   -ENOTCONN   the database can't be reached or the connection broke; the next call connects again by
//   itself. When it broke in
//               the middle of a call, the change may or may not have been made.
//   -ETIMEDOUT  it took longer than STORE_STATEMENT_MS
//   -ENOSPC     the database has no room
//   -EINVAL     a value that the schema does not permit or that is not UTF-8
//   -ENOMEM
//   -EIO        any other failure of the database (not migrated, for one)
// store_error says which, in the database's words.
// Times are microseconds since the epoch (UTC); 0 stands for "not yet". ret_ outputs are untouched on
// failure.

#include <stddef.h>
#include <stdint.h>

#define STORE_CONNECT_SECONDS 3
#define STORE_STATEMENT_MS 3000
#define STORE_ERROR_MAX 512

struct store;

// `url` is a libpq connection string or URL; it is copied. Connects at the first call. NULL when memory is
// out.
struct store *store_new(const char *url);
// Closes the connection and wipes the URL.
void store_free(struct store *store);

// Asks the database for an answer: what /ready shows.
int store_ping(struct store *store);

// One line on the latest failure, for the log; never for users. Valid until the next call; "" when nothing
// failed.
const char *store_error(const struct store *store);

// Deletes what has expired: refresh tokens, sign-ins, idempotency keys. Call it every few minutes;
// it is safe on all nodes at once.
int store_prune(struct store *store);
// Deletes records of sandboxes that ended `days` ago or earlier, so many at a time that no call takes long.
#define STORE_PRUNE_SANDBOXES_MAX 2000
int store_prune_sandboxes(struct store *store, int64_t days);
