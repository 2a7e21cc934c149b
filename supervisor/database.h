#pragma once
// The embedded PostgreSQL cluster: its binaries, its access rules and its rows of the plan.

#include <stdbool.h>

#include "supervisor/program.h"
#include "supervisor/settings.h"
#include "supervisor/state_dir.h"

// The role and the database that sandbox-server uses.
#define DATABASE_NAME "sandbox_server"

struct database {
    bool exists;        // the cluster was made by an earlier run
    char binaries[128]; // directory of initdb and postgres
};

// Finds the binaries (of the version that made the cluster, when there is one), writes the access rules to
// run/access and, without a cluster, an empty directory for one. Says what is wrong; -1 then.
int database_prepare(const struct settings *settings, const struct state_dir *state,
                     struct database *ret_database);

// Rows: make a cluster in database.new; make role and database in it; serve. 0 or -errno.
int database_plan_create(const struct settings *settings, const struct database *database,
                         struct program *program);
int database_plan_fill(const struct settings *settings, const struct database *database,
                       struct program *program);
int database_plan_serve(const struct settings *settings, const struct database *database,
                        struct program *program);

// After both rows succeeded: gives the cluster its final name, so that a half-made one is never used.
int database_commit(const struct state_dir *state);
