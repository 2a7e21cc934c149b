#pragma once

#include "supervisor/plan.h"
#include "supervisor/sweeper.h"

// Carries out the plan, tells on stdout when everything is ready, restarts what dies and stops it all in
// reverse order on SIGTERM, SIGINT or SIGHUP. Those signals and SIGCHLD must be blocked. Returns the exit
// status: 0 after an orderly stop, 1 when a first start failed, -errno when the supervisor's own means failed
// before anything was started.
int supervisor_run(struct plan *plan, struct sweeper *sweeper);
