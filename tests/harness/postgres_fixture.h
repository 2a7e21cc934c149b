#pragma once
// A private PostgreSQL cluster for tests: in a new temporary directory, on a unix socket only, as an
// unprivileged user, gone with the test.

struct postgres_fixture;

// Makes the cluster and starts it. 0 or -errno; what went wrong stands on stderr.
int postgres_fixture_new(struct postgres_fixture **ret_fixture);
// Stops it and deletes its directory. Takes NULL.
void postgres_fixture_free(struct postgres_fixture *fixture);

// Returns when it is ready. 0 or -errno.
int postgres_fixture_start(struct postgres_fixture *fixture);
// Fast shutdown; returns when the process is gone.
int postgres_fixture_stop(struct postgres_fixture *fixture);
// Stops it from running (SIGSTOP) and lets it run again (SIGCONT): a database that accepts connections but
// never answers. All its processes.
int postgres_fixture_freeze(struct postgres_fixture *fixture);
int postgres_fixture_thaw(struct postgres_fixture *fixture);

// Connection string of the database "postgres", borrowed; its user may do everything.
const char *postgres_fixture_url(const struct postgres_fixture *fixture);
