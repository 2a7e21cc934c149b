#pragma once
// What is done to make an isolated process, as data: an ordered list of operations. Planning needs no
// privilege and touches nothing; executor/launch.c runs the list.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/sandboxd_channel.h"
#include "sandbox/plan/profile.h"

enum operation_kind {
    // In the daemon's forked child, as the service uid
    OPERATION_HOME,    // source: storage directory, target: name in it, number: owner's host uid; made when
                       // absent
    OPERATION_CGROUPS, // joins the groups whose descriptors the launch carries
    OPERATION_ENTER,   // the foundation and the network namespace that the launch carries
    OPERATION_BECOME,  // number: host uid and gid; -1: stays
    OPERATION_NAMESPACES, // number: CLONE_NEW* flags; the rest of the list runs as pid 1 inside
    // Inside, with capabilities over the own namespaces only
    OPERATION_NETWORK,          // begins to make the own network namespace, beside what follows
    OPERATION_MAP_IDS,          // number: the uid and gid seen inside
    OPERATION_CGROUP_NAMESPACE, // after CGROUPS, where that runs inside
    OPERATION_SESSION,          // own session, empty keyring, standard signals
    OPERATION_HOSTNAME,         // source
    OPERATION_LOOPBACK,         // enters that namespace, whose lo is up
    OPERATION_LISTENER,     // opens where sandbox-egress serves this sandbox, and passes it to the service
    OPERATION_ADMISSION,    // waits until the service says that its network policy is in force (launch_admit)
    OPERATION_ROOT,         // source: tmpfs options; targets from here on are relative to it
    OPERATION_DIRECTORY,    // target, number: mode
    OPERATION_LINK,         // source: text of the link, target
    OPERATION_FILE,         // source: content, target
    OPERATION_BIND,         // source: host path, target, number: BIND_*; with BIND_GRANT data: the absolute target
    OPERATION_BIND_HOME,    // source: storage directory, data: name in it, target
    OPERATION_TMPFS,        // source: options, target, number: MOUNT_ATTR_*
    OPERATION_TERMINALS,    // devpts at target
    OPERATION_PROCESSES,    // proc at target
    OPERATION_NO_PROCESSES, // the same, of a namespace without processes
    OPERATION_SYSCTL,       // target: path, source: value
    OPERATION_WRITABLE, // target: becomes a mount of source, or of itself, which stays writable in a read-only root
    OPERATION_READ_ONLY, // target: becomes a read-only mount of itself
    OPERATION_EMPTY,     // target: a directory that is and stays empty
    OPERATION_MASK,      // target: the null device or the empty directory lies over it; absent is fine
    OPERATION_MASKING,   // number: a second process lays that many masks, which follow, meanwhile
    OPERATION_MASKED,    // waits until they lie
    OPERATION_PIVOT,     // the root becomes /, the host's is gone
    OPERATION_READ_ONLY_ROOT,
    OPERATION_CAPABILITIES,  // none left, bounding set empty, securebits locked
    OPERATION_LIMITS,        // number: enum limit_profile
    OPERATION_PROCESS_LIMIT, // number: processes and threads, where no control group counts them
    OPERATION_MEMORY_LIMIT,  // number: bytes of private memory of each process, the same
    OPERATION_NO_NEW_PRIVILEGES,
    OPERATION_LANDLOCK,         // what the profiles may reach, and the binds with BIND_GRANT
    OPERATION_SECCOMP,          // number: enum profile
    OPERATION_DESCRIPTORS,      // the launch's descriptors to their places, all others closed at exec
    OPERATION_DIRECTORY_CHANGE, // target: tried, then data
    OPERATION_EXEC,             // target: program, with the plan's arguments and environment
    OPERATION_RUN,  // a pid 1 of our own that runs the plan's command beneath it and tells its end
    OPERATION_PARK, // the same for a command that comes later, by the channel
    OPERATION_COUNT,
};

#define BIND_OPTIONAL 1u   // an absent source is skipped
#define BIND_EXECUTABLE 2u // else noexec
#define BIND_DEVICE 4u     // else nodev
#define BIND_SYSTEM 8u     // where the host has a symbolic link there, the same link is made
#define BIND_WRITABLE 16u  // else read-only
#define BIND_GRANT 32u     // of the caller's choice: Landlock lets through what the mount allows, and no link of the new root leads out of it
#define BIND_PREPARED 64u  // the launch carries the mount

enum limit_profile { LIMITS_DESKTOP, LIMITS_STREAMER, LIMITS_CODE };

struct operation {
    enum operation_kind kind;
    const char *source;
    const char *target;
    const char *data;
    int64_t number;
};

#define PLAN_OPERATIONS_MAX 256
#define PLAN_TEXT_MAX 8192
#define PLAN_WORDS_MAX 24
#define PLAN_ENVIRONMENT_MAX 64

struct plan {
    struct operation operations[PLAN_OPERATIONS_MAX];
    size_t count;
    const char *arguments[PLAN_WORDS_MAX];
    const char *environment[PLAN_ENVIRONMENT_MAX];
    const char *const *command; // of OPERATION_RUN; borrowed
    char text[PLAN_TEXT_MAX];   // what was composed
    size_t text_length;
    bool overflow;
};

struct plan_home {
    const char *storage; // FILE_STORAGE_PATH
    struct id owner;
};

struct plan_host {
    const char *program_dir;
    const char *desktop_dir;
    bool own_uids;   // CAP_SETUID and CAP_SETGID are there
    bool cgroups;    // there are groups to join
    bool foundation; // plan_waiting begins in one (executor/foundation.h)
    bool landlock;
    bool seccomp;
};

// The plan of a desktop sandbox; without a home (NULL) one that is parked until it gets an owner. 0 or -E2BIG when it does not fit. The strings of host and home are borrowed
// as long as the plan lives.
int plan_desktop(struct plan *plan, const struct plan_host *host, const struct plan_home *home,
                 uint32_t host_uid, const struct sandbox_limits *limits);
// The plan of a streamer: no home, no file system but the libraries.
int plan_streamer(struct plan *plan, const struct plan_host *host, uint32_t host_uid);
// That of an exporter, which is the same.
int plan_exporter(struct plan *plan, const struct plan_host *host, uint32_t host_uid);

// The plan of sandbox-egress: in the service's own namespaces, under an own uid, without any capability. It confines itself further (egress/).
int plan_egress(struct plan *plan, const struct plan_host *host, uint32_t host_uid, const char *log_level,
                const char *log_format);

// That of sandbox-tick, which is the same but for the control group: it stays in the service's own.
int plan_tick(struct plan *plan, const struct plan_host *host, uint32_t host_uid, unsigned period_us,
              const char *log_level, const char *log_format);

struct plan_bind {
    const char *path;  // absolute, without symbolic links
    const char *place; // absolute: where it is inside; NULL: at the same path
    bool writable;
};

static inline const char *plan_bind_place(const struct plan_bind *bind)
{
    return bind->place ? bind->place : bind->path;
}

struct plan_command {
    enum profile profile;
    struct sandbox_limits limits;
    const struct plan_bind *binds;
    size_t bind_count;
    bool network;                   // through sandbox-egress; else nothing but lo
    const char *const *words;       // program and arguments, NULL at the end
    const char *directory;          // where it starts, if that is there inside
    bool directory_only;            // it has to be there
    const char *const *environment; // NAME=VALUE added to the profile's, NULL at the end
};

#define PLAN_BINDS_MAX 32

// The plan of a command in a sandbox of its own (sandbox-run). 0 or -E2BIG. What `command` points to is borrowed.
int plan_command(struct plan *plan, const struct plan_host *host, const struct plan_command *command,
                 uint32_t host_uid);

// The plan of a sandbox that waits for one command, with nothing of the host's that it may write. 0 or -E2BIG.
int plan_waiting(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                 const struct sandbox_limits *limits);

// The root of what plan_waiting begins in.
int plan_foundation(struct plan *plan);

// In which stage of the start an operation fails.
enum start_stage operation_stage(enum operation_kind kind);
const char *operation_name(enum operation_kind kind);
// One line for each operation.
void plan_print(const struct plan *plan, FILE *out);
