#pragma once
// The vocabulary of the sandbox boundary that sandboxd reports and sandbox-server, doctor and /health show.

#include <stdbool.h>
#include <stdint.h>

enum layer {
    LAYER_USER_NAMESPACE,
    LAYER_PID_NAMESPACE,
    LAYER_MOUNT_NAMESPACE,
    LAYER_NETWORK_NAMESPACE,
    LAYER_IPC_NAMESPACE,
    LAYER_UTS_NAMESPACE,
    LAYER_CGROUP_NAMESPACE,
    LAYER_HOST_UID, // an own host uid for each owner, and one for each streamer
    LAYER_ROOT,     // pivot_root into a fresh root
    LAYER_CAPABILITIES,
    LAYER_NO_NEW_PRIVILEGES,
    LAYER_RESOURCE_LIMITS, // rlimits
    LAYER_MEMORY_LIMIT,
    LAYER_CPU_LIMIT,
    LAYER_PROCESS_LIMIT,
    LAYER_LANDLOCK,
    LAYER_SECCOMP,
    LAYER_EGRESS, // a proxy of its own uid between sandboxes and networks
    LAYER_COUNT,
};

// Stands beside the layers in what `sandboxd --probe` prints: no layer, sandboxes are as tight without it.
#define ISOLATION_FOUNDATION "foundation"

enum layer_state { LAYER_MISSING, LAYER_WEAKER, LAYER_ON };

#define LAYER_DETAIL_MAX 128 // bytes, NUL included

struct layer_report {
    uint8_t state; // enum layer_state
    char detail[LAYER_DETAIL_MAX -
                1]; // why it is weaker or missing and what the operator can do; empty when on
};

enum stop_reason {
    STOP_NONE,
    STOP_USER,
    STOP_ADMINISTRATOR,
    STOP_IDLE,
    STOP_LIMIT,   // the session limit
    STOP_MEMORY,  // killed by the memory limit
    STOP_DISPLAY, // the X server ended
    STOP_CRASH,   // sandbox-init ended
    STOP_START_FAILED,
    STOP_NODE_RESTART, // sandboxd restarted
    STOP_SHUTDOWN,     // the service was stopped
    STOP_ACCOUNT_DISABLED,
    // Ends of a command (sandbox-run)
    STOP_EXITED,
    STOP_SIGNALLED,
    STOP_PROCESSES, // failed after the process limit had refused it a process
    STOP_TIME,      // ran longer than it was given
    STOP_OUTPUT,    // wrote more than it was given
    // Of both: killed for want of memory that its own limit would have given it, by the machine or by a group above
    STOP_HOST_MEMORY,
    STOP_REASON_COUNT,
};

// Without it no sandbox can be built at all, so it is required whatever the configuration says.
bool layer_always_required(unsigned layer);

// Names as the HTTP interface, the database and the logs spell them ("user_namespace", "on", "start_failed").
// NULL when out of range.
const char *layer_name(unsigned layer);
const char *layer_state_name(unsigned state);
const char *stop_reason_name(unsigned reason);
// The reason of that name, or STOP_NONE.
enum stop_reason stop_reason_of(const char *name);
