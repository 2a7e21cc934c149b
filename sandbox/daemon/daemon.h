#pragma once
// The loop of sandboxd: its listening socket, its signals, its end.

#include "sandbox/daemon/settings.h"
#include "sandbox/executor/probe.h"

// Serves until SIGTERM or SIGINT, then ends every sandbox. cgroups is borrowed. 0 or -errno, which was
// logged.
int daemon_run(const struct settings *settings, const struct probe *probe, const struct cgroup_root *cgroups);
