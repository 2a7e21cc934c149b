#pragma once
// The paths of the host that a command may use: --ro, --rw and --at.

#include "sandbox/run/options.h"

// All: 0, or -EINVAL after one line on standard error.
int paths_add(struct options *options, const char *given, bool writable);
// Where the last one is found inside.
int paths_place(struct options *options, const char *place);
// Once all are there: what lies within another one comes behind it, however they were given.
int paths_settle(struct options *options);
void paths_finish(struct options *options);
