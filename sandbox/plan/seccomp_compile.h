#pragma once
// Makes a profile's tables into a filter for the kernel.

#include <linux/filter.h>

#include "sandbox/plan/seccomp_rules.h"

struct seccomp_tables {
    const struct seccomp_rule *rules;
    size_t rule_count;
    const struct seccomp_refusal *refusals; // stand ahead of the rules
    size_t refusal_count;
};

// Another architecture's calls kill, what no rule names fails with ENOSYS. 0, or -E2BIG when it does not fit.
int seccomp_compile(const struct seccomp_tables *tables, struct sock_filter ret_program[static BPF_MAXINSNS],
                    unsigned short *ret_count);
