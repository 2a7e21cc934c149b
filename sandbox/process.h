#pragma once
// fork(2) with a process descriptor and namespaces: clone3(2).

#include <stdint.h>
#include <sys/types.h>

// 0 in the child, the pid in the parent with ret_pidfd set, -errno. flags: CLONE_NEW*, CLONE_PARENT.
pid_t process_fork(uint64_t flags, int *ret_pidfd);
