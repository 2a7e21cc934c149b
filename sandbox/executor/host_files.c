#include "sandbox/executor/host_files.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static bool is_shown(const struct operation *operation)
{
    return operation->kind == OPERATION_BIND && !(operation->number & BIND_DEVICE);
}

static uint64_t add(uint64_t hash, uint64_t number)
{
    for (unsigned i = 0; i < sizeof(number); i++)
        hash = (hash ^ (number >> 8 * i & 0xff)) * FNV_PRIME;
    return hash;
}

uint64_t host_files_identity(const struct plan *plan)
{
    uint64_t hash = FNV_BASIS;
    for (size_t i = 0; i < plan->count; i++) {
        struct stat status = {0}; // links are followed, as by what mounts them; zeros for what is not there
        if (!is_shown(&plan->operations[i]))
            continue;
        if (stat(plan->operations[i].source, &status) < 0)
            status = (struct stat){0};
        hash = add(add(hash, status.st_dev), status.st_ino);
    }
    return hash;
}

// What is not there can't be watched, and need not be: its directory tells when it comes.
static int watch(int inotify, const char *path, uint32_t events)
{
    if (inotify_add_watch(inotify, path, events | IN_MASK_ADD) >= 0 || errno == ENOENT || errno == ENOTDIR ||
        errno == EACCES)
        return 0;
    return -errno;
}

int host_files_watch(int inotify, const struct plan *plan)
{
    int error = 0;
    for (size_t i = 0; i < plan->count && !error; i++) {
        const char *source = plan->operations[i].source;
        char parent[PATH_MAX];
        struct stat status;
        if (!is_shown(&plan->operations[i]) || snprintf(parent, sizeof(parent), "%s", source) >= PATH_MAX)
            continue;
        char *name = strrchr(parent, '/');
        name[name == parent ? 1 : 0] = '\0';
        error = watch(inotify, parent, IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR);
        // Where the name is a link that leads elsewhere: who replaces a file takes a name from it, which is a change of its attributes.
        if (!error && stat(source, &status) == 0 && !S_ISDIR(status.st_mode))
            error = watch(inotify, source, IN_ATTRIB | IN_MOVE_SELF);
    }
    return error;
}

void host_files_told(int inotify)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (read(inotify, events, sizeof(events)) > 0)
        ;
}
