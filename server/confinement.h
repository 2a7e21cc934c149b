#pragma once

// Bounds the process before it reads anything from outside: rlimits first (libwebsockets sizes its tables by RLIMIT_NOFILE). -errno.
int confinement_limits(void);
// The last step before serving: no new privileges, no core, no look into its memory by others of the same user. -errno.
int confinement_apply(void);
