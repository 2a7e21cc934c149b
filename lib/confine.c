#include "lib/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/landlock.h"

static int drop_bounding_set(void)
{
    for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
        // Without CAP_SETPCAP the bounding set stays, and under no_new_privs nothing can be gained from it.
        if (prctl(PR_CAPBSET_DROP, capability) < 0 && errno != EPERM)
            return -errno;
    }
    return 0;
}

static int drop_capabilities(void)
{
    int error = drop_bounding_set();
    if (error)
        return error;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capset, &header, sets) < 0 || syscall(SYS_capget, &header, sets) < 0)
        return -errno;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if (sets[i].effective | sets[i].permitted | sets[i].inheritable)
            return -EPERM;
    }
    return 0;
}

static int set_limits(const struct confine_policy *policy)
{
    for (size_t i = 0; i < policy->limit_count; i++) {
        struct rlimit limit = {.rlim_cur = policy->limits[i].value, .rlim_max = policy->limits[i].value};
        if (setrlimit((__rlimit_resource_t)policy->limits[i].resource, &limit) < 0)
            return -errno;
    }
    return 0;
}

static int forbid_new_privileges(void)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

static int filter_calls(const struct confine_policy *policy)
{
    int error = seccomp_filter_load(policy->calls, policy->call_count);
    if (error)
        return error;
    bool filtered = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2; // SECCOMP_MODE_FILTER
    errno = 0;
    bool refused = syscall(SYS_getppid) == -1 && errno == ENOSYS;
    return filtered && refused ? 0 : -EPERM;
}

int confine(const struct confine_policy *policy, int *ret_landlock, const char **ret_problem)
{
    *ret_problem = "capabilities could not be given up";
    int error = drop_capabilities();
    if (error)
        return error;
    *ret_problem = "resource limits could not be set";
    error = set_limits(policy);
    if (error)
        return error;
    *ret_problem = "no_new_privs could not be set";
    error = forbid_new_privileges();
    if (error)
        return error;
    *ret_problem = "Landlock could not be put in force";
    int abi = landlock_abi();
    if (abi > 0) {
        error = policy->keep ? landlock_deny_but(policy->keep) : landlock_deny_all();
        if (error)
            return error;
    }
    *ret_problem = "the seccomp filter could not be put in force";
    error = filter_calls(policy);
    if (error)
        return error;
    *ret_landlock = abi;
    return 0;
}
