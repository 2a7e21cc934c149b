#include "turns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"

uint64_t turns_awaited_ns(pid_t pid)
{
    char path[64];
    uint64_t awaited = 0;
    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
    AUTO_FILE FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%*u %" SCNu64, &awaited) != 1)
        return 0;
    return awaited;
}

bool turns_wanted(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    AUTO_FILE FILE *file = fopen(path, "re");
    if (!file || !fgets(line, sizeof(line), file))
        return false;
    return strstr(line, ") R ");
}
