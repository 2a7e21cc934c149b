#pragma once
// One command from its start to the last process of its sandbox.

#include <stdbool.h>

#include "sandbox/executor/launch.h"
#include "sandbox/executor/probe.h"
#include "sandbox/run/network.h"
#include "sandbox/run/options.h"

struct outcome {
    enum stop_reason cause; // STOP_START_FAILED: stage, operation and error are set
    int status;             // of the command, as waitpid(2)
    const char *operation;
    enum operation_kind kind;
    int error; // positive errno
    uint64_t wall_us, cpu_us, peak_memory_bytes, processes, refused_processes, written_bytes;
    uint64_t output_bytes; // UINT64_MAX: not counted
    // UINT64_MAX: no network, or its proxy did not live to tell
    uint64_t network_in_bytes, network_out_bytes, network_allowed, network_refused;
};

// Runs it and waits for it. The mounts and the network stay the caller's. 0 with ret_outcome, or -errno when nothing was started.
int session_run(const struct options *options, const struct plan *plan, const struct cgroup_root *cgroups,
                const struct launch_mounts *mounts, struct run_network *network, struct outcome *ret_outcome);
