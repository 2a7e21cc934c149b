#pragma once
// One row of the plan (what to run, as whom, when it counts as ready) and the fork and exec of it.

#include <stdbool.h>
#include <sys/types.h>

#include "supervisor/cgroup.h"
#include "supervisor/identity.h"

enum { PROGRAM_ARGUMENTS_MAX = 40, PROGRAM_ENVIRONMENT_MAX = 80 };

enum program_kind {
    PROGRAM_TASK,    // runs to its end before the next row starts
    PROGRAM_SERVICE, // says READY=1, then stays; started again when it dies
};

struct program {
    const char *name; // static
    enum program_kind kind;
    struct identity identity;
    char *arguments[PROGRAM_ARGUMENTS_MAX + 1]; // [0] is an absolute path
    char *environment[PROGRAM_ENVIRONMENT_MAX + 1];
    const char *input;  // what stdin holds (less than a pipe's buffer), or NULL for none
    char log_path[160]; // stdout and stderr are appended here; empty: both go to the supervisor's stderr
    const struct cgroup *cgroup; // joined as its daemon, or NULL
    int stop_signal;             // asks for an orderly end; also sent when the supervisor dies
    int ready_seconds;           // a task has this long to finish, a service to say that it is ready
    int stop_seconds;            // then SIGKILL
    int watchdog_seconds;        // a service that does not say WATCHDOG=1 for so long hangs; 0: not asked
    int tolerated_status;        // an exit status of a task that isn't a failure, besides 0
};

// Appends a formatted string. -E2BIG when the table is full, -ENOMEM.
int program_add_argument(struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int program_add_environment(struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void program_finish(struct program *program);

// Starts it with NOTIFY_SOCKET set to notify_path (NULL for a task). Returns once the new program is
// executing, or -errno of whatever step failed; *ret_step then names it.
int program_start(const struct program *program, const char *notify_path, pid_t *ret_pid,
                  const char **ret_step);
