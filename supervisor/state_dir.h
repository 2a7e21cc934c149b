#pragma once
// The state directory: what stands in it, whose it is, and that one supervisor at a time uses it.

#include "supervisor/settings.h"

struct state_dir {
    int fd;        // of the directory
    int lock_fd;   // held while a supervisor lives
    int ending_fd; // held until all that it started is gone: also by its sweeper
};

// Takes the locks (waits while a killed predecessor's programs end) and makes directories and secrets with
// their owners and modes. Says what is wrong; -1 then.
int state_dir_open(const struct settings *settings, struct state_dir *ret_state);
// Removes run/ and what is in it.
int state_dir_remove_run(const struct state_dir *state);
void state_dir_close(struct state_dir *state);
