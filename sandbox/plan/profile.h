#pragma once
// What a sandbox is for decides how much of the kernel it sees: its system calls, its files, the namespaces that it may make.

#include "lib/seccomp_program.h"

enum profile {
    PROFILE_DESKTOP, // an X server and its programs, with a browser among them
    PROFILE_BROWSER, // a browser whose own sandbox makes user, pid and network namespaces
    PROFILE_CODE,    // shells, compilers and interpreters: no namespace below
    PROFILE_COUNT,
};

// NULL when out of range; -1 for an unknown name.
const char *profile_name(unsigned profile);
int profile_of(const char *name);

// Written by seccomp_generate.c when the project is built.
extern const struct seccomp_program seccomp_programs[PROFILE_COUNT];
