#include "sandbox/cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

// Of the limit: the kernel keeps the peak without a lock, and what other processors charged at that moment, in batches of 256 KiB, may be missing.
#define PEAK_SHARE 32u

int cgroup_write(int base, const char *group, const char *file, const char *text)
{
    char path[128];
    if (snprintf(path, sizeof(path), "%s/%s", group, file) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    AUTO_FD int fd = openat(base, path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

static int read_value(int base, const char *group, const char *file, char **ret_text)
{
    char path[128];
    if (base < 0)
        return -ENOENT;
    if (snprintf(path, sizeof(path), "%s/%s", group, file) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return read_file_at(base, path, CGROUP_FILE_MAX, ret_text, NULL);
}

// cpu and cpuacct are often one hierarchy: there it is made twice.
static int make_groups(const struct cgroup_root *root, const char *name)
{
    for (unsigned i = 0; i < CGROUP_HIERARCHY_COUNT; i++) {
        if (root->base[i] < 0 || mkdirat(root->base[i], name, 0755) == 0)
            continue;
        // What an earlier owner of the name left would count for this one; one with a process in it is not ours.
        if (errno != EEXIST || (unlinkat(root->base[i], name, AT_REMOVEDIR) < 0 && errno != ENOENT) ||
            mkdirat(root->base[i], name, 0755) < 0)
            return -errno;
    }
    return 0;
}

static bool controlled(const struct cgroup_root *root, const struct cgroup_value *value)
{
    if (root->backend != CGROUP_V2)
        return root->controls[value->hierarchy];
    static const struct {
        const char *prefix;
        enum cgroup_hierarchy controller;
    } prefixes[] = {{"memory.", CGROUP_MEMORY}, {"cpu.", CGROUP_CPU}, {"pids.", CGROUP_PIDS}};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(value->file, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
            return root->controls[prefixes[i].controller];
    }
    return value->optional; // io, where its files are there
}

static int set_limits(const struct cgroup_root *root, const char *name, const struct sandbox_limits *limits)
{
    struct cgroup_value values[CGROUP_VALUES_MAX];
    unsigned count = cgroup_values(root->backend, limits, values);
    for (unsigned i = 0; i < count; i++) {
        if (!controlled(root, &values[i]))
            continue;
        int error = cgroup_write(root->base[values[i].hierarchy], name, values[i].file, values[i].text);
        if (error && !(values[i].optional && error == -ENOENT))
            return error;
    }
    return 0;
}

int cgroup_set_limits(const struct cgroup_root *root, const struct cgroup *cgroup,
                      const struct sandbox_limits *limits)
{
    if (!cgroup->name[0])
        return -ENOTSUP;
    // v1 keeps memory at or under memory and swap: to raise both, the latter goes first; to lower them, it is refused here and follows.
    if (root->backend == CGROUP_HYBRID && root->controls[CGROUP_MEMORY]) {
        char text[32];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)limits->memory_mb << 20);
        cgroup_write(root->base[CGROUP_MEMORY], cgroup->name, "memory.memsw.limit_in_bytes", text);
    }
    return set_limits(root, cgroup->name, limits);
}

int cgroup_make(const struct cgroup_root *root, const char *name, const struct sandbox_limits *limits,
                struct cgroup *ret_cgroup)
{
    struct cgroup cgroup = {0};
    if (root->backend == CGROUP_NONE) {
        *ret_cgroup = cgroup;
        return 0;
    }
    snprintf(cgroup.name, sizeof(cgroup.name), "%s", name);
    int error = make_groups(root, name);
    if (!error)
        error = set_limits(root, name, limits);
    if (error) {
        cgroup_remove(root, &cgroup);
        return error;
    }
    *ret_cgroup = cgroup;
    return 0;
}

void cgroup_entry_finish(struct cgroup_entry *entry)
{
    if (entry->born)
        close(entry->directory);
    while (entry->count > 0)
        close(entry->tasks[--entry->count]);
    *entry = (struct cgroup_entry){0};
}

// A single thread that moves itself takes no lock of the whole machine, which a process does: that one costs milliseconds after a pause
// (Linux 6.18). Only v1 lets a thread choose.
int cgroup_open_entry(const struct cgroup_root *root, const struct cgroup *cgroup,
                      struct cgroup_entry *ret_entry)
{
    CLEANUP(cgroup_entry_finish) struct cgroup_entry entry = {0};
    char path[64];
    snprintf(path, sizeof(path), "%s/tasks", cgroup->name);
    for (unsigned i = 0; i < CGROUP_UNIFIED && cgroup->name[0]; i++) {
        if (root->base[i] < 0)
            continue;
        int fd = openat(root->base[i], path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        entry.tasks[entry.count++] = fd;
    }
    if (root->base[CGROUP_UNIFIED] >= 0 && cgroup->name[0]) {
        entry.directory = openat(root->base[CGROUP_UNIFIED], cgroup->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (entry.directory < 0)
            return -errno;
        entry.born = true;
    }
    *ret_entry = entry;
    entry = (struct cgroup_entry){0};
    return 0;
}

// A failure means a slower end.
static void set_quota(const struct cgroup_root *root, const struct cgroup *cgroup, const char *v1,
                      const char *v2)
{
    if (!cgroup->name[0] || !root->controls[CGROUP_CPU])
        return;
    if (root->backend == CGROUP_V2)
        cgroup_write(root->base[CGROUP_UNIFIED], cgroup->name, "cpu.max", v2);
    else
        cgroup_write(root->base[CGROUP_CPU], cgroup->name, "cpu.cfs_quota_us", v1);
}

void cgroup_lift_cpu(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    set_quota(root, cgroup, "-1", "max");
}

void cgroup_grant_cpu(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    set_quota(root, cgroup, "100000", "100000"); // of a period of as many microseconds, which stays
}

int cgroup_kill(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    if (root->base[CGROUP_UNIFIED] < 0 || !cgroup->name[0])
        return -ENOTSUP;
    int error = cgroup_write(root->base[CGROUP_UNIFIED], cgroup->name, "cgroup.kill", "1");
    return error == -ENOENT || error == -EACCES ? -ENOTSUP : error;
}

int cgroup_empty(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    if (root->base[CGROUP_UNIFIED] >= 0) { // whose groups every process of ours joins
        uint64_t populated =
            cgroup_read_field(root, CGROUP_UNIFIED, cgroup->name, "cgroup.events", "populated");
        return populated == UINT64_MAX ? -EIO : populated ? -EBUSY : 0;
    }
    for (unsigned i = 0; i < CGROUP_UNIFIED; i++) {
        AUTO_FREE char *tasks = NULL;
        int error = root->base[i] < 0 ? 0 : read_value(root->base[i], cgroup->name, "tasks", &tasks);
        if (error || (tasks && *tasks))
            return error ? error : -EBUSY;
    }
    return 0;
}

int cgroup_remove(const struct cgroup_root *root, struct cgroup *cgroup)
{
    int error = 0;
    for (unsigned i = 0; i < CGROUP_HIERARCHY_COUNT && cgroup->name[0]; i++) {
        if (root->base[i] >= 0 && unlinkat(root->base[i], cgroup->name, AT_REMOVEDIR) < 0 &&
            errno != ENOENT && !error)
            error = -errno;
    }
    if (!error)
        cgroup->name[0] = '\0';
    return error;
}

bool cgroup_holds_processes(int base)
{
    AUTO_FREE char *processes = NULL;
    if (faccessat(base, "cgroup.type", F_OK, AT_EACCESS) < 0)
        return false; // the root has no type
    return read_value(base, ".", "cgroup.procs", &processes) < 0 || *processes;
}

uint64_t cgroup_read_number(const struct cgroup_root *root, enum cgroup_hierarchy hierarchy,
                            const char *group, const char *file)
{
    AUTO_FREE char *text = NULL;
    if (read_value(root->base[hierarchy], group, file, &text) < 0)
        return UINT64_MAX;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    return errno || end == text ? UINT64_MAX : number;
}

uint64_t cgroup_read_field(const struct cgroup_root *root, enum cgroup_hierarchy hierarchy, const char *group,
                           const char *file, const char *key)
{
    AUTO_FREE char *text = NULL;
    uint64_t number;
    if (read_value(root->base[hierarchy], group, file, &text) < 0 || !cgroup_find_number(text, key, &number))
        return UINT64_MAX;
    return number;
}

uint64_t cgroup_cpu_us(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    if (!cgroup->name[0])
        return UINT64_MAX;
    if (root->backend == CGROUP_V2)
        return cgroup_read_field(root, CGROUP_UNIFIED, cgroup->name, "cpu.stat", "usage_usec");
    uint64_t ns = cgroup_read_number(root, CGROUP_CPUACCT, cgroup->name, "cpuacct.usage");
    return ns == UINT64_MAX ? ns : ns / 1000;
}

// v1 has no count of what goes to disk by way of the page cache.
static uint64_t written_bytes(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    AUTO_FREE char *text = NULL;
    if (root->backend != CGROUP_V2 ||
        read_value(root->base[CGROUP_UNIFIED], cgroup->name, "io.stat", &text) < 0)
        return UINT64_MAX;
    return cgroup_sum_numbers(text, "wbytes");
}

uint64_t cgroup_most_written(uint64_t a, uint64_t b)
{
    if (a == UINT64_MAX || b == UINT64_MAX)
        return a == UINT64_MAX ? b : a;
    return a > b ? a : b;
}

void cgroup_usage(const struct cgroup_root *root, const struct cgroup *cgroup,
                  struct sandbox_usage *ret_usage)
{
    struct sandbox_usage usage = SANDBOX_USAGE_UNKNOWN;
    bool v2 = root->backend == CGROUP_V2;
    if (cgroup->name[0]) {
        enum cgroup_hierarchy memory = v2 ? CGROUP_UNIFIED : CGROUP_MEMORY;
        enum cgroup_hierarchy pids = v2 ? CGROUP_UNIFIED : CGROUP_PIDS;
        usage.cpu_us = cgroup_cpu_us(root, cgroup);
        usage.peak_memory_bytes =
            cgroup_read_number(root, memory, cgroup->name, v2 ? "memory.peak" : "memory.max_usage_in_bytes");
        usage.processes = cgroup_read_number(root, pids, cgroup->name, "pids.peak");
        usage.refused_processes = cgroup_read_field(root, pids, cgroup->name, "pids.events", "max");
        usage.written_bytes = written_bytes(root, cgroup);
    }
    *ret_usage = usage;
}

void cgroup_load(const struct cgroup_root *root, const struct cgroup *cgroup, uint64_t *ret_memory_bytes,
                 uint64_t *ret_tasks)
{
    bool v2 = root->backend == CGROUP_V2, named = cgroup->name[0] != '\0';
    *ret_memory_bytes = named ? cgroup_read_number(root, v2 ? CGROUP_UNIFIED : CGROUP_MEMORY, cgroup->name,
                                                   v2 ? "memory.current" : "memory.usage_in_bytes")
                              : UINT64_MAX;
    *ret_tasks =
        named ? cgroup_read_number(root, v2 ? CGROUP_UNIFIED : CGROUP_PIDS, cgroup->name, "pids.current")
              : UINT64_MAX;
}

// v1 counts no limit that was met (memory.failcnt stays 0 on Linux 6.18), but its peak tells: memory alone, or with swap.
static bool met_v1_limit(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    static const struct {
        const char *peak, *limit;
    } files[] = {{"memory.max_usage_in_bytes", "memory.limit_in_bytes"},
                 {"memory.memsw.max_usage_in_bytes", "memory.memsw.limit_in_bytes"}};
    bool known = false;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        uint64_t peak = cgroup_read_number(root, CGROUP_MEMORY, cgroup->name, files[i].peak);
        uint64_t limit = cgroup_read_number(root, CGROUP_MEMORY, cgroup->name, files[i].limit);
        if (peak == UINT64_MAX || limit == UINT64_MAX)
            continue;
        known = true;
        if (peak >= limit - limit / PEAK_SHARE)
            return true;
    }
    return !known;
}

bool cgroup_met_memory_limit(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    if (!cgroup->name[0])
        return false;
    if (root->backend == CGROUP_V2) // counted where the limit was in the way, not at the groups below
        return cgroup_read_field(root, CGROUP_UNIFIED, cgroup->name, "memory.events", "oom") != 0;
    return met_v1_limit(root, cgroup);
}

uint64_t cgroup_oom_kills(const struct cgroup_root *root, const struct cgroup *cgroup)
{
    if (!cgroup->name[0])
        return 0;
    uint64_t kills =
        root->backend == CGROUP_V2
            ? cgroup_read_field(root, CGROUP_UNIFIED, cgroup->name, "memory.events", "oom_kill")
            : cgroup_read_field(root, CGROUP_MEMORY, cgroup->name, "memory.oom_control", "oom_kill");
    return kills == UINT64_MAX ? 0 : kills;
}
