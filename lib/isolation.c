#include "lib/isolation.h"

#include <stddef.h>
#include <string.h>

static const char *const layer_names[LAYER_COUNT] = {
    [LAYER_USER_NAMESPACE] = "user_namespace",
    [LAYER_PID_NAMESPACE] = "pid_namespace",
    [LAYER_MOUNT_NAMESPACE] = "mount_namespace",
    [LAYER_NETWORK_NAMESPACE] = "network_namespace",
    [LAYER_IPC_NAMESPACE] = "ipc_namespace",
    [LAYER_UTS_NAMESPACE] = "uts_namespace",
    [LAYER_CGROUP_NAMESPACE] = "cgroup_namespace",
    [LAYER_HOST_UID] = "host_uid",
    [LAYER_ROOT] = "root",
    [LAYER_CAPABILITIES] = "capabilities",
    [LAYER_NO_NEW_PRIVILEGES] = "no_new_privileges",
    [LAYER_RESOURCE_LIMITS] = "resource_limits",
    [LAYER_MEMORY_LIMIT] = "memory_limit",
    [LAYER_CPU_LIMIT] = "cpu_limit",
    [LAYER_PROCESS_LIMIT] = "process_limit",
    [LAYER_LANDLOCK] = "landlock",
    [LAYER_SECCOMP] = "seccomp",
    [LAYER_EGRESS] = "egress",
};

static const char *const state_names[] = {
    [LAYER_MISSING] = "missing", [LAYER_WEAKER] = "weaker", [LAYER_ON] = "on"};

static const char *const reason_names[STOP_REASON_COUNT] = {
    [STOP_NONE] = "none",
    [STOP_USER] = "user",
    [STOP_ADMINISTRATOR] = "administrator",
    [STOP_IDLE] = "idle",
    [STOP_LIMIT] = "limit",
    [STOP_MEMORY] = "memory",
    [STOP_DISPLAY] = "display",
    [STOP_CRASH] = "crash",
    [STOP_START_FAILED] = "start_failed",
    [STOP_NODE_RESTART] = "node_restart",
    [STOP_SHUTDOWN] = "shutdown",
    [STOP_ACCOUNT_DISABLED] = "account_disabled",
    [STOP_EXITED] = "exited",
    [STOP_SIGNALLED] = "signalled",
    [STOP_PROCESSES] = "processes",
    [STOP_TIME] = "time",
    [STOP_OUTPUT] = "output",
    [STOP_HOST_MEMORY] = "host_memory",
};

bool layer_always_required(unsigned layer)
{
    static const bool always[LAYER_COUNT] = {
        [LAYER_USER_NAMESPACE] = true,    [LAYER_PID_NAMESPACE] = true,    [LAYER_MOUNT_NAMESPACE] = true,
        [LAYER_NETWORK_NAMESPACE] = true, [LAYER_IPC_NAMESPACE] = true,    [LAYER_UTS_NAMESPACE] = true,
        [LAYER_CGROUP_NAMESPACE] = true,  [LAYER_ROOT] = true,             [LAYER_CAPABILITIES] = true,
        [LAYER_NO_NEW_PRIVILEGES] = true};
    return layer < LAYER_COUNT && always[layer];
}

const char *layer_name(unsigned layer)
{
    return layer < LAYER_COUNT ? layer_names[layer] : NULL;
}

const char *layer_state_name(unsigned state)
{
    return state <= LAYER_ON ? state_names[state] : NULL;
}

const char *stop_reason_name(unsigned reason)
{
    return reason < STOP_REASON_COUNT ? reason_names[reason] : NULL;
}

enum stop_reason stop_reason_of(const char *name)
{
    for (unsigned i = 0; i < STOP_REASON_COUNT; i++) {
        if (strcmp(reason_names[i], name) == 0)
            return (enum stop_reason)i;
    }
    return STOP_NONE;
}
