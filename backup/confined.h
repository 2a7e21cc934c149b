#pragma once
// Work on homes is done in a child that keeps the capabilities it needs and no other, sees one directory, and has system calls for
// files alone: no program is started there, no socket made.

#include <stdbool.h>
#include <stdint.h>

struct confined {
    int (*run)(void *data); // 0 or -errno
    void *data;             // shared memory, when the caller is to see what it changes
    const char *directory;  // all that it reaches by path; descriptors that are open go on working
    bool change;            // it may write there
    uint64_t capabilities;  // 1 << CAP_*; without them for a plain user
    int closed;             // a descriptor that the child must not hold; 0: none
};

// Runs it and waits. Its result, -EPERM when it could not be confined, -ECHILD when it was killed.
int confined_run(const struct confined *confined);
// As confined_run, but returns at once; the caller reaps it with confined_wait.
int confined_start(const struct confined *confined, int *ret_pid);
int confined_wait(int pid);

// Zeroed memory that the child's changes show in; NULL when there is none. Freed by munmap(2).
void *confined_memory(uint64_t size);
