#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/cgroup/cgroup.h"

#define CPU_PERIOD_US 100000u // the kernel's default
#define MIB (1u << 20)
#define WEIGHT_MAX 10000u
#define V1_SHARES 1024u // of a group by default

__attribute__((format(printf, 5, 6))) static void put(struct cgroup_value *value,
                                                      enum cgroup_hierarchy hierarchy, const char *file,
                                                      bool optional, const char *format, ...)
{
    *value = (struct cgroup_value){.hierarchy = hierarchy, .file = file, .optional = optional};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value->text, sizeof(value->text), format, arguments);
    va_end(arguments);
}

// Who may have more gets more of what all want; one whole processor weighs as much as a group weighs by default.
static unsigned weight(const struct sandbox_limits *limits)
{
    return limits->cpu_percent < WEIGHT_MAX ? limits->cpu_percent : WEIGHT_MAX;
}

static unsigned values_v2(const struct sandbox_limits *limits, struct cgroup_value *values)
{
    unsigned n = 0;
    put(&values[n++], CGROUP_UNIFIED, "memory.max", false, "%" PRIu64, (uint64_t)limits->memory_mb * MIB);
    put(&values[n++], CGROUP_UNIFIED, "memory.swap.max", true, "0");
    // A desktop outlives the one program that took too much: sandbox-init keeps itself and the X server last
    // in line.
    put(&values[n++], CGROUP_UNIFIED, "memory.oom.group", true, "0");
    put(&values[n++], CGROUP_UNIFIED, "pids.max", false, "%u", limits->pids);
    put(&values[n++], CGROUP_UNIFIED, "cpu.max", false, "%u %u", limits->cpu_percent * (CPU_PERIOD_US / 100),
        CPU_PERIOD_US);
    put(&values[n++], CGROUP_UNIFIED, "cpu.weight", true, "%u", weight(limits));
    put(&values[n++], CGROUP_UNIFIED, "io.weight", true, "%u",
        weight(limits)); // needs io.cost or BFQ to matter
    return n;
}

static unsigned values_v1(const struct sandbox_limits *limits, struct cgroup_value *values)
{
    unsigned n = 0;
    uint64_t memory = (uint64_t)limits->memory_mb * MIB;
    put(&values[n++], CGROUP_MEMORY, "memory.limit_in_bytes", false, "%" PRIu64, memory);
    // Memory and swap together; must not be under the memory limit, so it comes after it.
    put(&values[n++], CGROUP_MEMORY, "memory.memsw.limit_in_bytes", true, "%" PRIu64, memory);
    put(&values[n++], CGROUP_PIDS, "pids.max", false, "%u", limits->pids);
    // The period is a new group's own.
    put(&values[n++], CGROUP_CPU, "cpu.cfs_quota_us", false, "%u",
        limits->cpu_percent * (CPU_PERIOD_US / 100));
    put(&values[n++], CGROUP_CPU, "cpu.shares", true, "%u", weight(limits) * V1_SHARES / 100);
    return n;
}

unsigned cgroup_values(enum cgroup_backend backend, const struct sandbox_limits *limits,
                       struct cgroup_value values[static CGROUP_VALUES_MAX])
{
    switch (backend) {
    case CGROUP_V2:
        return values_v2(limits, values);
    case CGROUP_HYBRID:
        return values_v1(limits, values);
    case CGROUP_NONE:
        return 0;
    }
    abort();
}

bool cgroup_find_number(const char *text, const char *key, uint64_t *ret_number)
{
    size_t length = strlen(key);
    for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
        end = strchrnul(line, '\n');
        if (strncmp(line, key, length) != 0 || line[length] != ' ')
            continue;
        char *digits_end;
        unsigned long long number = strtoull(line + length + 1, &digits_end, 10);
        if (digits_end == line + length + 1)
            return false;
        *ret_number = number;
        return true;
    }
    return false;
}

uint64_t cgroup_sum_numbers(const char *text, const char *key)
{
    size_t length = strlen(key);
    uint64_t sum = 0;
    for (const char *word = text; *word; word += strspn(word, " \n")) {
        size_t size = strcspn(word, " \n");
        uint64_t number = size > length && strncmp(word, key, length) == 0 && word[length] == '='
                              ? strtoull(word + length + 1, NULL, 10)
                              : 0;
        sum = number >= UINT64_MAX - sum ? UINT64_MAX - 1 : sum + number;
        word += size;
    }
    return sum;
}
