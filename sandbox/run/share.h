#pragma once
// Paths that root shares with a command whose uid is another: mounts that show the owner's files as the command's.

#include "sandbox/executor/launch.h"
#include "sandbox/run/options.h"

// Makes one detached mount for each path of the options. 0 or -errno after a line on standard error; what was made is the caller's in both
// cases (launch_mounts_finish).
int share_paths(const struct options *options, uid_t uid, struct launch_mounts *mounts);
