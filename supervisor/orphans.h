#pragma once

#include <sys/types.h>

// Kills every child of this process but `except`, for the end, when all programs have ended and only what
// they left behind can be there. Returns how many there are, or -errno.
int orphans_kill(pid_t except);
