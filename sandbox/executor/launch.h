#pragma once
// Runs a plan: forks, works the list off in the child, and tells by the set-up socket how far it came.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/cgroup/cgroup.h"
#include "sandbox/plan/plan.h"

#define LAUNCH_DESCRIPTORS_MAX 5

struct launch_descriptor {
    int fd;
    int place; // its number in the new program
};

// Detached mounts for the binds with BIND_PREPARED, in the plan's order.
struct launch_mounts {
    int fds[PLAN_BINDS_MAX];
    size_t count;
};

struct launch {
    const struct plan *plan;
    int standard[3]; // what the new program has as 0, 1 and 2
    struct cgroup_entry cgroup;
    bool cgroup_follows; // OPERATION_CGROUPS waits for launch_join
    // launch_start returns when the new program's process is made; only where nothing before that can wait for a file system.
    bool borrow;
    struct launch_descriptor descriptors[LAUNCH_DESCRIPTORS_MAX];
    size_t descriptor_count;
    struct launch_mounts mounts;
    struct launch_foundation { // OPERATION_ENTER: namespaces; network -1: a new one
        int user, mounts, network;
    } foundation;
    // OPERATION_RUN: the own command line, which pid 1 inherits and every process inside could read in /proc
    char *own_line;
    size_t own_line_length;
};

void launch_mounts_finish(struct launch_mounts *mounts);

struct launched {
    int builder; // pidfd of the forked child; it ends when the new program's process is made
    int setup;   // set-up socket, non-blocking
};

enum setup_kind {
    SETUP_STARTED = 1,
    SETUP_FAILED,
    SETUP_RUNNING,
    SETUP_LISTENER,
    SETUP_ENDED,
    SETUP_HELD,
    SETUP_ADMITTED,
    SETUP_JOIN,
    SETUP_HOLD,
    SETUP_CONTINUE
};

// The packets of the set-up socket. They come from our own code before it executes anything else, or (OPERATION_RUN) beside the command, which
// can't reach it: that process is not dumpable.
struct setup_message {
    uint32_t kind;
    uint32_t operation; // FAILED: enum operation_kind
    int32_t error;      // FAILED: positive errno
    int32_t status;     // ENDED: of the command, as waitpid(2)
};

// Starts it. The launch and its descriptors stay the caller's and may go once this returned.
int launch_start(const struct launch *launch, struct launched *ret_launched);
// The same with a set-up socket of the caller's, the child's end of it, and CLONE_* flags: with CLONE_PARENT both processes become children of
// the caller's parent.
int launch_start_with(const struct launch *launch, int setup, uint64_t flags, int *ret_builder);

// Works a plan off in the calling process, which goes on. 0 or -errno.
int launch_work(const struct plan *plan);

// Gives the groups to a launch that goes on without them (cgroup_follows): they are made while it builds its root.
int launch_join(int setup, const struct cgroup_entry *entry);

enum setup_event {
    SETUP_EVENT_STARTED,
    SETUP_EVENT_FAILED,
    SETUP_EVENT_LISTENER,
    SETUP_EVENT_RUNNING,
    SETUP_EVENT_ENDED,
    SETUP_EVENT_HELD,
    SETUP_EVENT_EXECUTED
};
// Reads what came by the set-up socket. -EAGAIN: nothing yet; -EPROTO: a descriptor for which there is no room. STARTED gives the pidfd of the new program's
// process (a child of the caller); FAILED gives operation and error; EXECUTED: the end of the socket, without
// a FAILED before it the program runs. LISTENER gives the socket of OPERATION_LISTENER. With OPERATION_RUN: RUNNING gives a pidfd of the command, which leads
// its process group, ENDED its status, HELD answers launch_hold. With OPERATION_PARK RUNNING gives the mount namespace, which goes with the last descriptor of it.
int launch_receive(int setup, enum setup_event *ret_event, struct setup_message *ret_message, int *ret_fd);
// Lets OPERATION_ADMISSION go on. 0 or -errno.
int launch_admit(int setup);
// Of OPERATION_RUN, once it is RUNNING: has all processes of the sandbox stop, whatever they are, which HELD tells; and go on. 0 or -errno.
int launch_hold(int setup);
int launch_continue(int setup);

// Sends SIGKILL, if need be as the process's own uid (a service without CAP_KILL can't signal others). 0 also
// when it ended before.
int launch_kill(int pidfd, uid_t uid);
// Reaps an ended child. 1 with ret_status (as waitpid(2)), 0 when it still runs, -errno.
int launch_reap(int pidfd, int *ret_status);
// The same for pid 1 of a sandbox, with the bytes that it and all that it reaped had written to disk; UINT64_MAX when it did not end by
// itself, since what the kernel reaped in its place is missing then, and where the kernel does not count.
int launch_reap_init(int pidfd, int *ret_status, uint64_t *ret_written_bytes);
// How a child ended, for a log: the name of the number that is written, which is that of a signal or the status.
const char *launch_describe_end(int status, char number[static 12]);
