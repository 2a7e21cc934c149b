#pragma once

// Before the process reads anything from outside and before it has a second thread: no_new_privs holds for the calling thread and those it
// makes, and libwebsockets sizes its tables by RLIMIT_NOFILE. Bounds descriptors, no new privileges, no core, no look into its memory by
// others of the same user. -errno.
int confinement_apply(void);
