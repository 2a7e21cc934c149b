#pragma once
// The programs that sandbox-init starts.

#include <stddef.h>
#include <sys/types.h>

struct passed_fd {
    int fd;
    int place;
};

struct program {
    const char *const *arguments;
    const char *const *environment; // added to the own one; NULL: nothing
    const struct passed_fd *fds;
    size_t fd_count;
    int out_of_memory_score; // /proc/pid/oom_score_adj: the higher, the earlier chosen
};

// Starts it with /dev/null as standard descriptors, its own session and nothing else inherited. The pid, or
// -errno.
pid_t process_start(const struct program *program);
