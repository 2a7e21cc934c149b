#pragma once
// Landlock (Linux 5.13) by its system calls; Debian 12's header stops at ABI 2, so the later rights stand
// here.

#include <stddef.h>
#include <stdint.h>

// The kernel's Landlock ABI, or 0 when it has none or has it switched off.
int landlock_abi(void);

// Takes from this process, for good, every right that the kernel's ABI knows: the whole file system, TCP
// ports (ABI 4), device ioctls (5), abstract unix sockets and signals to processes outside (6). Descriptors
// that are open keep working. Needs no_new_privs. -EOPNOTSUPP when landlock_abi() is 0.
int landlock_deny_all(void);

// Rights to files, as the kernel numbers them (ABI 5); a rule gives some of them beneath a directory.
#define LANDLOCK_EXECUTE (UINT64_C(1) << 0)
#define LANDLOCK_WRITE_FILE (UINT64_C(1) << 1)
#define LANDLOCK_READ_FILE (UINT64_C(1) << 2)
#define LANDLOCK_READ (UINT64_C(1) << 2 | UINT64_C(1) << 3) // files and directories
#define LANDLOCK_LIST (UINT64_C(1) << 3) // directories
#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14)
#define LANDLOCK_IOCTL_DEVICE (UINT64_C(1) << 15)
#define LANDLOCK_CHANGE ((UINT64_C(1) << 16) - 1) // all of them

struct landlock_rule {
    const char *path; // an absent one is skipped
    uint64_t rights;
};

#define LANDLOCK_TCP_BIND (UINT64_C(1) << 0)
#define LANDLOCK_TCP_CONNECT (UINT64_C(1) << 1)

// What a process keeps when it can't do without.
struct landlock_keep {
    const struct landlock_rule *rules;
    size_t count;
    uint64_t tcp; // LANDLOCK_TCP_*: to and from any port
};

// As landlock_deny_all, but for what `keep` names.
int landlock_deny_but(const struct landlock_keep *keep);

// What holds a sandbox: every right to files that the rules do not give, abstract unix sockets and processes outside. TCP is left
// alone, its network namespace holds it. As landlock_deny_all otherwise.
int landlock_allow(const struct landlock_rule *rules, size_t count);
