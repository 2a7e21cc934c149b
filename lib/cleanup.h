#pragma once
// Scope-bound ownership: a local marked with one of these is released on every way out of its scope, and
// steal_* gives it away.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

// Keeps errno, so that a failure path can return it after the scope's descriptors are closed.
static inline void cleanup_fd(const int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

static inline void cleanup_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_FD CLEANUP(cleanup_fd)
#define AUTO_FILE CLEANUP(cleanup_file)

static inline int steal_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define steal_pointer(p)                                                                                     \
    ({                                                                                                       \
        __auto_type taken_ = *(p);                                                                           \
        *(p) = NULL;                                                                                         \
        taken_;                                                                                              \
    })
