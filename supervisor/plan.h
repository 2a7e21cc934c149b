#pragma once
// The table of what runs, in order: each row starts when the one before it is done (a task) or ready (a
// service).

#include <stdbool.h>

#include "supervisor/cgroup.h"
#include "supervisor/database.h"
#include "supervisor/program.h"
#include "supervisor/secrets.h"
#include "supervisor/settings.h"
#include "supervisor/state_dir.h"

enum { PLAN_ROWS_MAX = 8 };

enum plan_step {
    PLAN_RUN,             // nothing besides running it
    PLAN_COMMIT_DATABASE, // when done: the cluster gets its final name
    PLAN_REMEMBER_ADMIN,  // when done: no later run makes the administrator again
    PLAN_CLEAR_SANDBOXES, // whenever it has ended: so have all processes in its control groups
};

struct plan_row {
    struct program program;
    enum plan_step step;
};

struct plan {
    const struct settings *settings;
    const struct state_dir *state;
    const struct cgroup *cgroup; // or NULL
    struct plan_row rows[PLAN_ROWS_MAX];
    unsigned count;
    char password_line[PASSWORD_LENGTH + 2]; // what create-user reads; empty when it isn't run
    bool made_admin;                         // by this run, with the password above
};

// database is NULL when the operator brought a server. All arguments are borrowed. 0 or -errno.
int plan_init(struct plan *plan, const struct settings *settings, const struct state_dir *state,
              const struct database *database, const struct cgroup *cgroup);
// A task ended with a status that counts as success. 0 or -errno.
int plan_task_done(struct plan *plan, const struct plan_row *row, int status);
// Wipes the password.
void plan_finish(struct plan *plan);
