#pragma once
// Control groups: one group per sandbox, streamer and exporter below a delegated one, in each hierarchy that the
// machine has. Files are written directly.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/sandboxd_channel.h"

enum cgroup_hierarchy {
    CGROUP_MEMORY,
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_PIDS,
    CGROUP_UNIFIED, // v2: every controller; hybrid: kill and the populated event only
    CGROUP_HIERARCHY_COUNT,
};

enum cgroup_backend { CGROUP_NONE, CGROUP_HYBRID, CGROUP_V2 };

struct cgroup_root {
    enum cgroup_backend backend;
    int base[CGROUP_HIERARCHY_COUNT];      // the delegated groups; -1: not there or not ours
    bool controls[CGROUP_HIERARCHY_COUNT]; // memory, cpu, cpuacct, pids can be limited or read
};

#define CGROUP_NAME_MAX 16

struct cgroup {
    char name[CGROUP_NAME_MAX]; // empty: there is none
};

// Finds the delegated groups. wanted: SANDBOX_CGROUP_BACKEND; path: SANDBOX_CGROUP_PATH or "". A machine
// without usable groups gives backend CGROUP_NONE, not an error; -ENOTSUP only when the wanted backend is not
// auto or none and can't be had.
int cgroup_root_open(const char *wanted, const char *path, struct cgroup_root *ret_root);
void cgroup_root_close(struct cgroup_root *root);
// The uids that processes of ours have.
struct cgroup_owners {
    uid_t own;
    uid_t first, count;
};
// Ends what an earlier run left and removes its groups: those named as the ones of sandboxes, streamers and exporters. 0, or the first -errno;
// -ETIMEDOUT when something would not end, -EPERM when a process of another owner is in such a group, which then stays.
int cgroup_clear(const struct cgroup_root *root, const struct cgroup_owners *owners);

// Sets other limits while processes run in it. -ENOTSUP without groups.
int cgroup_set_limits(const struct cgroup_root *root, const struct cgroup *cgroup,
                      const struct sandbox_limits *limits);
// Makes the group and sets its limits. On failure nothing is left.
int cgroup_make(const struct cgroup_root *root, const char *name, const struct sandbox_limits *limits,
                struct cgroup *ret_cgroup);
// How a new process of a single thread comes into it: it is born in the group of cgroup2, and writes "0" to the files of v1.
struct cgroup_entry {
    bool born;
    int directory;             // for CLONE_INTO_CGROUP, when born
    int tasks[CGROUP_UNIFIED]; // open for writing
    size_t count;
};
int cgroup_open_entry(const struct cgroup_root *root, const struct cgroup *cgroup,
                      struct cgroup_entry *ret_entry);
void cgroup_entry_finish(struct cgroup_entry *entry);
// Takes the cpu limit off, for processes that are to end: freeing their memory counts against it. Nothing where there is none.
void cgroup_lift_cpu(const struct cgroup_root *root, const struct cgroup *cgroup);
// Makes it one processor, for one that has less.
void cgroup_grant_cpu(const struct cgroup_root *root, const struct cgroup *cgroup);
// Kills every process in it; -ENOTSUP where the kernel offers no cgroup.kill to us.
int cgroup_kill(const struct cgroup_root *root, const struct cgroup *cgroup);
// 0: proven to hold no process; -EBUSY: it holds one; another -errno: unknown.
int cgroup_empty(const struct cgroup_root *root, const struct cgroup *cgroup);
// Removes it. -EBUSY while a process is still in it.
int cgroup_remove(const struct cgroup_root *root, struct cgroup *cgroup);
// All but the network's. written_bytes is what has gone to block devices so far, where v2 counts it.
void cgroup_usage(const struct cgroup_root *root, const struct cgroup *cgroup,
                  struct sandbox_usage *ret_usage);
uint64_t cgroup_cpu_us(const struct cgroup_root *root, const struct cgroup *cgroup);
// Of two counts of the same writes, each of which may have missed some. UINT64_MAX: unknown.
uint64_t cgroup_most_written(uint64_t a, uint64_t b);
// What is in use now, as the limits count it. UINT64_MAX: unknown.
void cgroup_load(const struct cgroup_root *root, const struct cgroup *cgroup, uint64_t *ret_memory_bytes,
                 uint64_t *ret_tasks);
// How often the out-of-memory killer chose a process of it; 0 when unknown.
uint64_t cgroup_oom_kills(const struct cgroup_root *root, const struct cgroup *cgroup);
// Whether the group's own memory limit was met so that a killer may have come for it, rather than for the machine or a group above. True when
// unknown. In v1 also when nothing but files kept in memory had to go.
bool cgroup_met_memory_limit(const struct cgroup_root *root, const struct cgroup *cgroup);

// command.c: groups for one command, below the group that its caller lives in.
// As cgroup_root_open, but nothing is tried: what can't be used gives CGROUP_NONE. A v2 group that holds processes can't limit groups below
// itself, so there it is the nearest group above that can.
int cgroup_root_for_command(struct cgroup_root *ret_root);
// A command's group is named after the process that makes it.
#define CGROUP_COMMAND_PREFIX "run-"
// Removes the empty groups of processes that are no more: who is killed can't remove its own.
void cgroup_sweep_commands(const struct cgroup_root *root);
// The whole group dies with the first process that the out-of-memory killer takes. ret_fd: becomes readable when the caller has to see to that
// itself (v1), or -1.
int cgroup_end_with_memory(const struct cgroup_root *root, const struct cgroup *cgroup, int *ret_fd);

// cgroup.c, for the other files of this part. Numbers are UINT64_MAX when they can't be read.
#define CGROUP_FILE_MAX (1u << 20) // bytes that are read of a file of the kernel's
int cgroup_write(int base, const char *group, const char *file, const char *text);
uint64_t cgroup_read_number(const struct cgroup_root *root, enum cgroup_hierarchy hierarchy,
                            const char *group, const char *file);
// Whether processes live in the v2 group itself. Such a group must not be asked for controllers: cpu and pids would be given, and no group below
// could be joined any more. The hierarchy's root is exempt.
bool cgroup_holds_processes(int base);
uint64_t cgroup_read_field(const struct cgroup_root *root, enum cgroup_hierarchy hierarchy, const char *group,
                           const char *file, const char *key);

// root.c: asks for controllers in the groups below this v2 group, and notes in `controls` which there are. 0, or -errno when that can't be read.
int cgroup_enable_below(int group, struct cgroup_root *root);

// values.c: what is written where.
struct cgroup_value {
    enum cgroup_hierarchy hierarchy;
    const char *file;
    bool optional; // an absent file is fine
    char text[32];
};
#define CGROUP_VALUES_MAX 8
// The writes for the limits, in the order the kernel needs. Returns how many.
unsigned cgroup_values(enum cgroup_backend backend, const struct sandbox_limits *limits,
                       struct cgroup_value values[static CGROUP_VALUES_MAX]);
// The number after `key` in a file of "key value" lines; false when there is none.
bool cgroup_find_number(const char *text, const char *key, uint64_t *ret_number);
// The sum of the numbers after `key=`, as in io.stat: at most UINT64_MAX - 1.
uint64_t cgroup_sum_numbers(const char *text, const char *key);

// find.c: the directories of the delegated groups from /proc/self/mountinfo and /proc/self/cgroup.
struct cgroup_paths {
    char path[CGROUP_HIERARCHY_COUNT][512]; // empty: not mounted
};
// path: of the delegated group below each mount; empty: the group that `own` tells.
void cgroup_find(const char *mountinfo, const char *own, const char *path, struct cgroup_paths *ret_paths);
// The same of this process. 0 or -errno.
int cgroup_find_own(const char *path, struct cgroup_paths *ret_paths);
