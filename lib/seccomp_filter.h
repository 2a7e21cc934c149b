#pragma once
// Seccomp allow lists as tables.

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_CONDITIONS_MAX 3

struct seccomp_rule {
    int call;        // SCMP_SYS(name)
    uint32_t action; // SCMP_ACT_*
    // All must hold: (argument & mask) == value. The first whose mask is 0 ends them.
    struct {
        uint8_t argument;
        uint64_t mask, value;
    } conditions[SECCOMP_CONDITIONS_MAX];
};

#define SECCOMP_ALLOW(name)                                                                                  \
    {                                                                                                        \
        .call = SCMP_SYS(name), .action = SCMP_ACT_ALLOW                                                     \
    }
#define SECCOMP_ALLOW_IF(name, number, bits, wanted)                                                         \
    {                                                                                                        \
        .call = SCMP_SYS(name), .action = SCMP_ACT_ALLOW, .conditions = { {(number), (bits), (wanted)} }     \
    }
// AddressSanitizer reads its own maps and symbols when it reports: a refusal leaves it its report, a kill
// would hide it.
#ifdef SANITIZED_BUILD
#define SECCOMP_KILL(name)                                                                                   \
    {                                                                                                        \
        .call = SCMP_SYS(name), .action = SCMP_ACT_ERRNO(EACCES)                                             \
    }
#else
#define SECCOMP_KILL(name)                                                                                   \
    {                                                                                                        \
        .call = SCMP_SYS(name), .action = SCMP_ACT_KILL_PROCESS                                              \
    }
#endif

// Puts the list in force for this process: every call that it does not name fails with ENOSYS, every call of
// another architecture's table kills. Needs no_new_privs. -errno, and nothing in force, on failure.
int seccomp_filter_load(const struct seccomp_rule *rules, size_t count);
