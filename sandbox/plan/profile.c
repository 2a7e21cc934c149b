#include "sandbox/plan/profile.h"

#include <string.h>

static const char *const names[PROFILE_COUNT] = {
    [PROFILE_DESKTOP] = "desktop", [PROFILE_BROWSER] = "browser", [PROFILE_CODE] = "code"};

const char *profile_name(unsigned profile)
{
    return profile < PROFILE_COUNT ? names[profile] : NULL;
}

int profile_of(const char *name)
{
    for (int i = 0; i < PROFILE_COUNT; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}
