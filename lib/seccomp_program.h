#pragma once
// A seccomp filter as the kernel takes it, made when the project was built: putting it in force needs neither
// libseccomp nor memory.

#include <linux/filter.h>

struct seccomp_program {
    const struct sock_filter *instructions;
    unsigned short count;
};

// Needs no_new_privs. 0 or -errno.
int seccomp_program_load(const struct seccomp_program *program);
