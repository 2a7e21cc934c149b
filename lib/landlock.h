#pragma once
// Landlock (Linux 5.13) by its system calls; Debian 12's header stops at ABI 2, so the later rights stand
// here.

#include <stdint.h>

// The kernel's Landlock ABI, or 0 when it has none or has it switched off.
int landlock_abi(void);

// Takes from this process, for good, every right that the kernel's ABI knows: the whole file system, TCP
// ports (ABI 4), device ioctls (5), abstract unix sockets and signals to processes outside (6). Descriptors
// that are open keep working. Needs no_new_privs. -EOPNOTSUPP when landlock_abi() is 0.
int landlock_deny_all(void);
