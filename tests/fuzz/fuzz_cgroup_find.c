// The kernel's tables of mounts and of the own groups, whose paths an outsider may have named. A zero byte parts the two.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/cgroup/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 2);
    if (!text)
        return 0;
    memcpy(text, data, size);
    struct cgroup_paths paths;
    cgroup_find(text, strlen(text) < size ? text + strlen(text) + 1 : "", "", &paths);
    uint64_t number;
    cgroup_find_number(text, "oom_kill", &number);
    for (int i = 0; i < CGROUP_HIERARCHY_COUNT; i++) {
        if (strnlen(paths.path[i], sizeof(paths.path[i])) == sizeof(paths.path[i]))
            abort();
    }
    free(text);
    return 0;
}
