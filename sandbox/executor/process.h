#pragma once
// fork(2) with a process descriptor and namespaces: clone3(2).

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// The sanitizers know nothing of another stack in the same memory, and the libc nothing of clone3.
#if defined(__x86_64__) && !defined(SANITIZED_BUILD)
#define PROCESS_CAN_SHARE true
#else
#define PROCESS_CAN_SHARE false
#endif

// 0 in the child, the pid in the parent with ret_pidfd set, -errno. flags: CLONE_NEW*, CLONE_PARENT.
pid_t process_fork(uint64_t flags, int *ret_pidfd);
// The same, born in the group of cgroup2 whose directory that is: no process moves, which would take a lock of the whole machine. -1: as
// process_fork.
pid_t process_fork_into(int cgroup, uint64_t flags, int *ret_pidfd);
// As process_fork_into and vfork(2): runs the function, which does not return, in a child that shares the caller's memory until it ends or
// executes, which the caller waits for. Memory is not copied, and what the child forks copies it but once. One at a time; only where
// PROCESS_CAN_SHARE.
pid_t process_borrow(int cgroup, uint64_t flags, int (*function)(void *data), void *data, int *ret_pidfd);
// Whether some processor has nothing to do: else who waits for a second process waits until it gets its turn as well. Only where
// PROCESS_CAN_SHARE.
bool process_has_room(void);
