#pragma once
// fork(2) with a process descriptor and namespaces: clone3(2).

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// The sanitizers know nothing of another stack in the same memory.
#ifdef SANITIZED_BUILD
#define PROCESS_CAN_SHARE false
#else
#define PROCESS_CAN_SHARE true
#endif

// 0 in the child, the pid in the parent with ret_pidfd set, -errno. flags: CLONE_NEW*, CLONE_PARENT.
pid_t process_fork(uint64_t flags, int *ret_pidfd);
// The same, born in the group of cgroup2 whose directory that is: no process moves, which would take a lock of the whole machine. -1: as
// process_fork.
pid_t process_fork_into(int cgroup, uint64_t flags, int *ret_pidfd);
// As vfork(2): runs the function in a child that shares the caller's memory until it ends or executes, which the caller waits for. Memory is
// not copied, and what the child forks copies it but once. One at a time.
pid_t process_borrow(int (*function)(void *data), void *data, int *ret_pidfd);
