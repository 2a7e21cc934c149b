#include "supervisor/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

int identity_of_system_user(const char *name, uint64_t capabilities, struct identity *ret_identity)
{
    struct passwd record, *found = NULL;
    char buffer[4096];

    int error = getpwnam_r(name, &record, buffer, sizeof(buffer), &found);
    if (error != 0)
        return -error;
    if (!found)
        return -ENOENT;
    if (found->pw_uid == 0)
        return -EPERM;
    *ret_identity = (struct identity){.name = name,
                                      .uid = found->pw_uid,
                                      .gid = found->pw_gid,
                                      .capabilities = capabilities,
                                      .switches = true};
    return 0;
}

struct identity identity_unchanged(void)
{
    return (struct identity){.name = "you", .uid = geteuid(), .gid = getegid()};
}

static int drop_bounding_set(uint64_t keep)
{
    for (int capability = 0; capability < 64; capability++) {
        if (keep & (UINT64_C(1) << capability))
            continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return errno == EINVAL ? 0 : -errno; // EINVAL: past the kernel's last capability
    }
    return 0;
}

static int keep_ambient(uint64_t keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)keep, .permitted = (uint32_t)keep, .inheritable = (uint32_t)keep},
        {.effective = (uint32_t)(keep >> 32),
         .permitted = (uint32_t)(keep >> 32),
         .inheritable = (uint32_t)(keep >> 32)},
    };

    if (syscall(SYS_capset, &header, data) < 0)
        return -errno;
    for (int capability = 0; capability < 64; capability++) {
        if (!(keep & (UINT64_C(1) << capability)))
            continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return -errno;
    }
    return 0;
}

static int change_ids(const struct identity *identity)
{
    if (setgroups(0, NULL) < 0 || setresgid(identity->gid, identity->gid, identity->gid) < 0)
        return -errno;
    // The capabilities outlive the uid change only with keepcaps, which exec clears by itself.
    if (prctl(PR_SET_KEEPCAPS, identity->capabilities != 0, 0, 0, 0) < 0)
        return -errno;
    if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
        return -errno;
    return 0;
}

// What was given up must be gone, whatever the calls above returned.
static int check_identity(const struct identity *identity)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    uid_t uid[3];
    gid_t gid[3];

    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0 ||
        syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (int i = 0; i < 3; i++) {
        if (uid[i] != identity->uid || gid[i] != identity->gid)
            return -EPERM;
    }
    if (getgroups(0, NULL) != 0)
        return -EPERM;
    for (int i = 0; i < 2; i++) {
        uint32_t kept = (uint32_t)(identity->capabilities >> (32 * i));
        if (data[i].effective != kept || data[i].permitted != kept || data[i].inheritable != kept)
            return -EPERM;
    }
    for (int capability = 0; capability < 64; capability++) {
        bool kept = identity->capabilities & (UINT64_C(1) << capability);
        if (!kept && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
            return -EPERM;
    }
    return 0;
}

int identity_become(const struct identity *identity)
{
    int result;

    if (identity->switches) {
        result = drop_bounding_set(identity->capabilities);
        if (result == 0)
            result = change_ids(identity);
        if (result == 0)
            result = keep_ambient(identity->capabilities);
        if (result == 0)
            result = check_identity(identity);
        if (result < 0)
            return result;
        if (identity->capabilities == 0 && setresuid(0, 0, 0) == 0)
            abort();
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

// The child's side of identity_reaches: the length of the first part that can't be entered, 0 when all can.
static size_t first_blocked(const char *path)
{
    size_t length = strlen(path);

    for (size_t end = 1; end <= length; end++) {
        char part[4096];
        if (end < length && path[end] != '/')
            continue;
        if (end >= sizeof(part))
            return end;
        memcpy(part, path, end);
        part[end] = '\0';
        if (faccessat(AT_FDCWD, part, X_OK, AT_EACCESS) < 0)
            return end;
    }
    return 0;
}

int identity_reaches(const struct identity *identity, const char *path, size_t *ret_blocked_length)
{
    int ends[2];
    size_t blocked = 0;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int read_end = ends[0];
    AUTO_FD int write_end = ends[1];

    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        if (identity_become(identity) < 0)
            _exit(1);
        blocked = first_blocked(path);
        _exit(write(write_end, &blocked, sizeof(blocked)) == sizeof(blocked) ? 0 : 1);
    }
    int status;
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    if (status != 0 || read(read_end, &blocked, sizeof(blocked)) != sizeof(blocked))
        return -EPERM;
    if (blocked == 0)
        return 0;
    *ret_blocked_length = blocked;
    return 1;
}
