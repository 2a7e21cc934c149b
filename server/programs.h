#pragma once
// What the programs of this node take, as /proc tells it (proc(5)).

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROGRAMS_MAX 8
#define PROGRAM_NAME_SIZE 16 // TASK_COMM_LEN

struct program_memory {
    char name[PROGRAM_NAME_SIZE];
    uint64_t bytes; // resident
    unsigned processes;
};

// This process, sandboxd and the children of sandboxd, by program name. What /proc hides is left out. Returns how many.
size_t programs_memory(pid_t sandboxd, struct program_memory programs[static PROGRAMS_MAX]);
