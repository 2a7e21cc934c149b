#pragma once
// The operations of a plan, as the forked child runs them. Each returns 0 or -errno.

#include <stdbool.h>

#include "sandbox/executor/launch.h"

struct run;
typedef int operation_fn(struct run *run, const struct operation *operation);

struct run {
    const struct launch *launch;
    int setup;                        // set-up socket
    int sources[PLAN_OPERATIONS_MAX]; // detached mounts, by position in the plan; -1: none
    size_t position;
    pid_t network_maker;
    int network; // the namespace that it made, or -errno
    struct run_masks {
        pid_t maker; // 0: nobody lays masks beside this process
        size_t position, end;
        int error;
    } masks;
    uid_t uid; // host ids, known once they are final
    gid_t gid;
    operation_fn *trial; // executor/probe.c: what is tried
};

// identity.c
operation_fn operation_cgroups, operation_enter, operation_become, operation_namespaces, operation_map_ids,
    operation_cgroup_namespace, operation_session, operation_hostname;
// mounts.c
operation_fn operation_root, operation_bind, operation_bind_home, operation_tmpfs, operation_terminals,
    operation_processes, operation_no_processes, operation_writable, operation_read_only, operation_empty,
    operation_pivot, operation_read_only_root;
// masks.c
operation_fn operation_mask, operation_masking, operation_masked;
// network.c
operation_fn operation_network, operation_loopback, operation_listener, operation_admission;
// A new network namespace, which the caller is in then, with lo up; a descriptor of it, or -errno.
int operation_new_network(void);
// files.c
operation_fn operation_directory, operation_link, operation_file, operation_sysctl;
// confine.c
operation_fn operation_capabilities, operation_limits, operation_process_limit, operation_memory_limit,
    operation_directory_change, operation_no_new_privileges, operation_descriptors, operation_exec;
// home/home.c, landlock.c, park.c, run.c, seccomp.c
operation_fn operation_park, operation_home, operation_landlock, operation_run, operation_seccomp;

// Executes the command of these words, looked for where commands are inside. -errno when it can't.
int operation_execute(const char *const *words, const char *const *variables);

// hold.c, for pid 1 of a pid namespace: stops everything else in it. True when nothing of it runs; else it is asked again.
bool hold_everything(void);

// Gives up every capability of the calling process for good. Used before the namespaces as well.
int drop_capabilities(void);
