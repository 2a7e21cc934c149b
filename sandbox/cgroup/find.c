#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/text.h"
#include "sandbox/cgroup/cgroup.h"

#define LINE_MAX_BYTES 1024

static const char *const v1_names[] = {
    [CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu", [CGROUP_CPUACCT] = "cpuacct", [CGROUP_PIDS] = "pids"};

// Copies the next line of *text without its end. False at the end of the text; longer lines are cut.
static bool next_line(const char **text, char line[static LINE_MAX_BYTES])
{
    if (**text == '\0')
        return false;
    size_t length = strcspn(*text, "\n");
    size_t kept = length < LINE_MAX_BYTES - 1 ? length : LINE_MAX_BYTES - 1;
    memcpy(line, *text, kept);
    line[kept] = '\0';
    *text += length + ((*text)[length] == '\n');
    return true;
}

// The own group in the hierarchy with that controller ("": the unified one), from lines
// "id:controllers:path".
static void own_group(const char *own, const char *controller, char *group, size_t size)
{
    char line[LINE_MAX_BYTES];
    snprintf(group, size, "/");
    while (next_line(&own, line)) {
        char *rest = line;
        strsep(&rest, ":");
        char *controllers = strsep(&rest, ":");
        if (!rest || !controllers)
            continue;
        if (*controller ? text_has_word(controllers, ",", controller) : *controllers == '\0')
            snprintf(group, size, "%s", rest);
    }
}

static void set_path(struct cgroup_paths *paths, enum cgroup_hierarchy hierarchy, const char *mount_point,
                     const char *group)
{
    char *path = paths->path[hierarchy];
    if (*path)
        return; // the first mount of a hierarchy
    int length = snprintf(path, sizeof(paths->path[hierarchy]), "%s%s%s", mount_point,
                          *group == '/' ? "" : "/", group);
    if (length < 0 || (size_t)length >= sizeof(paths->path[hierarchy]))
        *path = '\0';
}

static void take_mount(const char *line, const char *own, const char *path, struct cgroup_paths *paths)
{
    char mount_point[256], type[32], options[256], group[256];
    const char *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*s %*s %*s %*s %255s", mount_point) != 1 ||
        sscanf(tail + 3, "%31s %*s %255s", type, options) != 2)
        return;
    if (strcmp(type, "cgroup2") == 0) {
        own_group(own, "", group, sizeof(group));
        set_path(paths, CGROUP_UNIFIED, mount_point, *path ? path : group);
    }
    if (strcmp(type, "cgroup") != 0)
        return;
    for (unsigned i = 0; i < CGROUP_UNIFIED; i++) {
        if (!text_has_word(options, ",", v1_names[i]))
            continue;
        own_group(own, v1_names[i], group, sizeof(group));
        set_path(paths, i, mount_point, *path ? path : group);
    }
}

void cgroup_find(const char *mountinfo, const char *own, const char *path, struct cgroup_paths *ret_paths)
{
    char line[LINE_MAX_BYTES];
    *ret_paths = (struct cgroup_paths){0};
    while (next_line(&mountinfo, line))
        take_mount(line, own, path, ret_paths);
}

int cgroup_find_own(const char *path, struct cgroup_paths *ret_paths)
{
    AUTO_FREE char *mountinfo = NULL;
    AUTO_FREE char *own = NULL;
    int error = read_file_at(AT_FDCWD, "/proc/self/mountinfo", CGROUP_FILE_MAX, &mountinfo, NULL);
    if (!error)
        error = read_file_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &own, NULL);
    if (!error)
        cgroup_find(mountinfo, own, path, ret_paths);
    return error;
}
