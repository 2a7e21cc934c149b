#include "lib/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define CREATE_RULESET_VERSION 1u // LANDLOCK_CREATE_RULESET_VERSION
#define RULE_PATH_BENEATH 1u      // LANDLOCK_RULE_PATH_BENEATH
#define READ_FILE (UINT64_C(1) << 2)
#define READ_DIRECTORY (UINT64_C(1) << 3)
#define CONNECT_TCP (UINT64_C(1) << 1)

// struct landlock_path_beneath_attr
struct path_beneath {
    uint64_t rights;
    int32_t fd;
} __attribute__((packed));

// struct landlock_ruleset_attr as of ABI 6.
struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_network;
    uint64_t scoped;
};

// What each ABI brought. The rights are numbered without gaps, so a count is a mask.
static const struct generation {
    unsigned fs_rights, network_rights, scopes;
    size_t size; // of struct landlock_ruleset_attr
} generations[] = {
    {13, 0, 0, 8},  // 1: execute .. make symbolic link
    {14, 0, 0, 8},  // 2: refer
    {15, 0, 0, 8},  // 3: truncate
    {15, 2, 0, 16}, // 4: TCP bind, connect
    {16, 2, 0, 16}, // 5: ioctl on devices
    {16, 2, 2, 24}, // 6: abstract unix sockets, signals
};
#define GENERATIONS (sizeof(generations) / sizeof(generations[0]))

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi > 0 ? (int)abi : 0;
}

static uint64_t first_bits(unsigned count)
{
    return (UINT64_C(1) << count) - 1;
}

static int keep_readable(int ruleset, const char *path)
{
    AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    struct path_beneath rule = {.rights = READ_FILE, .fd = fd};
    if (S_ISDIR(status.st_mode))
        rule.rights |= READ_DIRECTORY;
    return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_deny_all(void)
{
    return landlock_deny_but(&(struct landlock_keep){0});
}

int landlock_deny_but(const struct landlock_keep *keep)
{
    unsigned abi = (unsigned)landlock_abi();
    if (abi == 0)
        return -EOPNOTSUPP;
    const struct generation *known = &generations[(abi < GENERATIONS ? abi : GENERATIONS) - 1];
    struct ruleset ruleset = {.handled_fs = first_bits(known->fs_rights),
                              .handled_network = first_bits(known->network_rights),
                              .scoped = first_bits(known->scopes)};
    if (keep->tcp_connect)
        ruleset.handled_network &= ~CONNECT_TCP;
    AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, known->size, 0);
    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < keep->readable_count; i++) {
        int error = keep_readable(fd, keep->readable[i]);
        if (error)
            return error;
    }
    return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
