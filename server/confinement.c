#include "server/confinement.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "server/limits.h"

#define DESCRIPTORS_MAX (HTTP_CONNECTIONS_MAX + SANDBOX_MAX_TOTAL + 256)

static int bound(int resource, rlim_t value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0)
        return -errno;
    if (limit.rlim_max < value)
        value = limit.rlim_max;
    limit = (struct rlimit){value, value};
    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int confinement_apply(void)
{
    int error = bound(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    if (!error)
        error = bound(RLIMIT_CORE, 0);
    if (error)
        return error;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
#ifndef SANITIZED_BUILD // LeakSanitizer traces the process
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
#endif
    return 0;
}
