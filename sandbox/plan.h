#pragma once
// What is done to make an isolated process, as data: an ordered list of operations. Planning needs no
// privilege and touches nothing; launch.c runs the list.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/sandboxd_channel.h"

enum operation_kind {
    // In the daemon's forked child, as the service uid
    OPERATION_HOME,    // source: storage directory, target: name in it, number: owner's host uid; made when
                       // absent
    OPERATION_CGROUPS, // joins the groups whose descriptors the launch carries
    OPERATION_BECOME,  // number: host uid and gid; -1: stays
    OPERATION_NAMESPACES, // number: CLONE_NEW* flags; the rest of the list runs as pid 1 inside
    // Inside, with capabilities over the own namespaces only
    OPERATION_MAP_IDS,  // number: the uid and gid seen inside
    OPERATION_SESSION,  // own session, empty keyring, standard signals
    OPERATION_HOSTNAME, // source
    OPERATION_LOOPBACK,
    OPERATION_ROOT,      // source: tmpfs options; targets from here on are relative to it
    OPERATION_DIRECTORY, // target, number: mode
    OPERATION_LINK,      // source: text of the link, target
    OPERATION_FILE,      // source: content, target
    OPERATION_BIND,      // source: host path, target, number: BIND_*
    OPERATION_BIND_HOME, // source: storage directory, data: name in it, target
    OPERATION_TMPFS,     // source: options, target, number: MOUNT_ATTR_*
    OPERATION_TERMINALS, // devpts at target
    OPERATION_PROCESSES, // proc at target
    OPERATION_SYSCTL,    // target: path, source: value
    OPERATION_READ_ONLY, // target: becomes a read-only mount of itself
    OPERATION_MASK,      // target: an empty read-only file or directory lies over it; absent is fine
    OPERATION_PIVOT,     // the root becomes /, the host's is gone
    OPERATION_READ_ONLY_ROOT,
    OPERATION_CAPABILITIES, // none left, bounding set empty, securebits locked
    OPERATION_LIMITS,       // number: enum limit_profile
    OPERATION_NO_NEW_PRIVILEGES,
    OPERATION_LANDLOCK,    // number: enum landlock_profile
    OPERATION_SECCOMP,     // number: enum seccomp_profile
    OPERATION_DESCRIPTORS, // the launch's descriptors to their places, all others closed at exec
    OPERATION_EXEC,        // target: program, with the plan's arguments and environment
    OPERATION_COUNT,
};

#define BIND_OPTIONAL 1u   // an absent source is skipped
#define BIND_EXECUTABLE 2u // else noexec
#define BIND_DEVICE 4u     // else nodev
#define BIND_SYSTEM 8u     // where the host has a symbolic link there, the same link is made

enum limit_profile { LIMITS_DESKTOP, LIMITS_STREAMER };

struct operation {
    enum operation_kind kind;
    const char *source;
    const char *target;
    const char *data;
    int64_t number;
};

#define PLAN_OPERATIONS_MAX 192
#define PLAN_TEXT_MAX 8192
#define PLAN_WORDS_MAX 24

struct plan {
    struct operation operations[PLAN_OPERATIONS_MAX];
    size_t count;
    const char *arguments[PLAN_WORDS_MAX];
    const char *environment[PLAN_WORDS_MAX];
    char text[PLAN_TEXT_MAX]; // what was composed
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
    bool own_uids; // CAP_SETUID and CAP_SETGID are there
    bool cgroups;  // there are groups to join
    bool landlock;
    bool seccomp;
};

// The plan of a desktop sandbox. 0 or -E2BIG when it does not fit. The strings of host and home are borrowed
// as long as the plan lives.
int plan_desktop(struct plan *plan, const struct plan_host *host, const struct plan_home *home,
                 uint32_t host_uid, const struct sandbox_limits *limits);
// The plan of a streamer: no home, no file system but the libraries.
int plan_streamer(struct plan *plan, const struct plan_host *host, uint32_t host_uid);

// In which stage of the start an operation fails.
enum start_stage operation_stage(enum operation_kind kind);
const char *operation_name(enum operation_kind kind);
// One line for each operation.
void plan_print(const struct plan *plan, FILE *out);
