#include "server/programs.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define CHILDREN_MAX 65536 // bytes of the list

// In the order of Linux' names, which are cut at 15 bytes. Others, as sandboxd's own short-lived ones, count as sandboxd.
static const char *const known[] = {"sandbox-server", "sandboxd",       "sandbox-init", "sandbox-streamer",
                                    "sandbox-egress", "sandbox-export", "sandbox-tick"};

static char *read_of(pid_t pid, const char *file, size_t maximum)
{
    char path[64];
    char *text = NULL;
    size_t length;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return read_file_at(AT_FDCWD, path, maximum, &text, &length) < 0 ? NULL : text;
}

static struct program_memory *find(const char *comm, struct program_memory *programs, size_t *count)
{
    const char *name = "sandboxd";
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(known[i], comm, PROGRAM_NAME_SIZE - 1) == 0)
            name = known[i];
    }
    for (size_t i = 0; i < *count; i++) {
        if (strncmp(programs[i].name, name, PROGRAM_NAME_SIZE - 1) == 0)
            return &programs[i];
    }
    struct program_memory *program = &programs[(*count)++];
    *program = (struct program_memory){0};
    snprintf(program->name, sizeof(program->name), "%s", name);
    return program;
}

static void add(pid_t pid, struct program_memory *programs, size_t *count)
{
    AUTO_FREE char *comm = read_of(pid, "comm", 64);
    AUTO_FREE char *statm = read_of(pid, "statm", 256);
    unsigned long long total, resident;
    if (!comm || !statm || sscanf(statm, "%llu %llu", &total, &resident) != 2)
        return;
    comm[strcspn(comm, "\n")] = '\0';
    struct program_memory *program = find(comm, programs, count);
    program->bytes += resident * (uint64_t)sysconf(_SC_PAGESIZE);
    program->processes++;
}

size_t programs_memory(pid_t sandboxd, struct program_memory programs[static PROGRAMS_MAX])
{
    _Static_assert(sizeof(known) / sizeof(known[0]) <= PROGRAMS_MAX, "room for each");
    size_t count = 0;
    add(getpid(), programs, &count);
    if (sandboxd <= 0)
        return count;
    AUTO_FREE char *comm = read_of(sandboxd, "comm", 64);
    if (!comm || strcmp(comm, "sandboxd\n") != 0) // another one has its number by now
        return count;
    add(sandboxd, programs, &count);
    char file[48];
    snprintf(file, sizeof(file), "task/%d/children", (int)sandboxd);
    AUTO_FREE char *children = read_of(sandboxd, file, CHILDREN_MAX);
    for (char *at = children; at && *at;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        add((pid_t)pid, programs, &count);
        at = end + strspn(end, " ");
    }
    return count;
}
