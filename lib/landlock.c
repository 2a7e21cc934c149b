#include "lib/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define CREATE_RULESET_VERSION 1u // LANDLOCK_CREATE_RULESET_VERSION
#define RULE_PATH_BENEATH 1       // LANDLOCK_RULE_PATH_BENEATH
// The kernel refuses a rule for a file that gives rights to a directory.
#define RIGHTS_OF_A_FILE                                                                                     \
    (LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_TRUNCATE | LANDLOCK_IOCTL_DEVICE)

// struct landlock_ruleset_attr as of ABI 6.
struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_network;
    uint64_t scoped;
};

// struct landlock_path_beneath_attr.
struct beneath {
    uint64_t rights;
    int32_t fd;
} __attribute__((packed));

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

static int create_ruleset(uint64_t kept_tcp, uint64_t *ret_fs, int *ret_fd)
{
    unsigned abi = (unsigned)landlock_abi();
    if (abi == 0)
        return -EOPNOTSUPP;
    const struct generation *known = &generations[(abi < GENERATIONS ? abi : GENERATIONS) - 1];
    struct ruleset ruleset = {.handled_fs = first_bits(known->fs_rights),
                              .handled_network = first_bits(known->network_rights) & ~kept_tcp,
                              .scoped = first_bits(known->scopes)};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, known->size, 0);
    if (fd < 0)
        return -errno;
    *ret_fs = ruleset.handled_fs;
    *ret_fd = fd;
    return 0;
}

static int add_rule(int ruleset, const struct landlock_rule *rule, uint64_t known)
{
    AUTO_FD int fd = open(rule->path, O_PATH | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    if (fstat(fd, &status) < 0)
        return -errno;
    uint64_t possible = S_ISDIR(status.st_mode) ? known : known & RIGHTS_OF_A_FILE;
    struct beneath beneath = {.rights = rule->rights & possible, .fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno : 0;
}

int landlock_deny_but(const struct landlock_keep *keep)
{
    AUTO_FD int fd = -1;
    uint64_t rights = 0;
    int error = create_ruleset(keep->tcp, &rights, &fd);
    for (size_t i = 0; i < keep->count && !error; i++)
        error = add_rule(fd, &keep->rules[i], rights);
    if (error)
        return error;
    return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}

int landlock_deny_all(void)
{
    return landlock_deny_but(&(struct landlock_keep){0});
}

int landlock_allow(const struct landlock_rule *rules, size_t count)
{
    return landlock_deny_but(&(struct landlock_keep){
        .rules = rules, .count = count, .tcp = LANDLOCK_TCP_BIND | LANDLOCK_TCP_CONNECT});
}
