#pragma once
// Which isolation layers this host gives: each is tried for real in a short-lived child.

#include <stdbool.h>
#include <stdio.h>

#include "lib/isolation.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/executor/foundation.h"
#include "sandbox/plan/plan.h"

struct probe {
    struct layer_report layers[LAYER_COUNT];
    bool own_uids; // the service may change to the owners' uids
    bool landlock;
    bool seccomp;
};

void probe_run(const struct cgroup_root *cgroups, struct probe *ret_probe);
// What can be told by asking, without a child: for the start of one command. The namespaces and the root count as there: without one of them
// the start fails and says so.
// uid: the one it would run as if that can be had. The command tells whether it is to have a way out, and what holds it without groups.
void probe_ask(const struct cgroup_root *cgroups, uint32_t uid, const struct plan_command *command,
               struct probe *ret_probe);
// One line per layer: name, state, detail, separated by tabs.
void probe_print(const struct probe *probe, FILE *out);
// The same of what sandboxes for commands are copied from (foundation.h), which is tried: no layer, they are as tight without.
void probe_print_foundation(const struct foundation_ids *ids, FILE *out);
