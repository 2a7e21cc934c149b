#pragma once
// The executor of sandboxd and sandbox-run, as sandbox-run uses it: a sandbox of its own for each command, with every layer.

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sandbox/cgroup/cgroup.h"
#include "sandbox/plan/plan.h"

struct executor {
    struct cgroup_root cgroups;
    struct plan plan;
};

// With all layers that the host gives, which are printed unless NULL.
bool executor_prepare(struct executor *executor, FILE *layers);
// From here on without the operations of these kinds: what do they cost?
void executor_leave_out(struct executor *executor, const enum operation_kind *kinds, size_t count);
// Start and end of DIRECT_PROGRAM, until its groups are gone.
bool executor_run(const struct executor *executor);
