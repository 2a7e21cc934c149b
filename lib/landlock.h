#pragma once
// Landlock (Linux 5.13) by its system calls; Debian 12's header stops at ABI 2, so the later rights stand
// here.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The kernel's Landlock ABI, or 0 when it has none or has it switched off.
int landlock_abi(void);

// Takes from this process, for good, every right that the kernel's ABI knows: the whole file system, TCP
// ports (ABI 4), device ioctls (5), abstract unix sockets and signals to processes outside (6). Descriptors
// that are open keep working. Needs no_new_privs. -EOPNOTSUPP when landlock_abi() is 0.
int landlock_deny_all(void);

// What a process keeps when it can't do without.
struct landlock_keep {
    const char *const *readable; // paths whose files and directories stay readable; absent ones are skipped
    size_t readable_count;
    bool tcp_connect; // connecting to any TCP port
};
// As landlock_deny_all, but for what `keep` names.
int landlock_deny_but(const struct landlock_keep *keep);
