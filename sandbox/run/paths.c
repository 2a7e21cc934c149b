#include "sandbox/run/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

// The tree that a path lies in, of those that show the host or that a sandbox is run by; NULL: none.
static const char *own_tree(const char *path)
{
    static const char *const trees[] = {"/proc", "/sys", "/dev", "/sandbox"};
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        size_t length = strlen(trees[i]);
        if (strncmp(path, trees[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return trees[i];
    }
    return strcmp(path, "/") == 0 ? path : NULL;
}

// What would take the place of something that a sandbox brings itself.
static bool is_own(const char *path)
{
    static const char *const own[] = {"/usr", "/bin", "/sbin", "/lib",       "/lib32",   "/lib64",   "/etc",
                                      "/tmp", "/run", "/home", "/home/user", "/var/tmp", "/var/run", "/var"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(path, own[i]) == 0)
            return true;
    }
    return false;
}

int paths_add(struct options *options, const char *given, bool writable)
{
    const char *option = writable ? "--rw" : "--ro";
    if (options->command.bind_count == PLAN_BINDS_MAX)
        return options_refuse("%s %s: more than %d paths", option, given, PLAN_BINDS_MAX);
    AUTO_FREE char *path = realpath(given, NULL);
    if (!path)
        return options_refuse("%s %s: %s", option, given, strerror(errno));
    if (own_tree(path))
        return options_refuse("%s %s: a sandbox has its own %s", option, given, own_tree(path));
    if (faccessat(AT_FDCWD, path, writable ? W_OK : R_OK, AT_EACCESS) < 0)
        return options_refuse("%s %s: %s", option, given, strerror(errno));
    options->binds[options->command.bind_count++] =
        (struct plan_bind){.path = steal_pointer(&path), .writable = writable};
    return 0;
}

// Without a step that is none, or back: what is compared as text is then what the kernel finds.
static bool is_plain(const char *path)
{
    for (const char *p = path; *p == '/'; p += 1 + strcspn(p + 1, "/")) {
        size_t length = strcspn(p + 1, "/");
        if (length == 0 || (length == 1 && p[1] == '.') || (length == 2 && p[1] == '.' && p[2] == '.'))
            return false;
    }
    return *path == '/';
}

int paths_place(struct options *options, const char *place)
{
    if (options->command.bind_count == 0)
        return options_refuse("--at %s: goes behind the --ro or --rw whose path it places", place);
    struct plan_bind *bind = &options->binds[options->command.bind_count - 1];
    if (bind->place)
        return options_refuse("--at %s: %s has its place already", place, bind->path);
    if (!is_plain(place))
        return options_refuse("--at %s: not an absolute path without . and ..", place);
    if (own_tree(place))
        return options_refuse("--at %s: a sandbox has its own %s", place, own_tree(place));
    bind->place = place;
    return 0;
}

static int by_place(const void *first, const void *second)
{
    const struct plan_bind *a = first, *b = second;
    return strcmp(plan_bind_place(a), plan_bind_place(b));
}

int paths_settle(struct options *options)
{
    struct plan_bind *binds = options->binds;
    size_t count = options->command.bind_count;
    for (size_t i = 0; i < count; i++) {
        const char *place = plan_bind_place(&binds[i]);
        if (is_own(place))
            return options_refuse(
                "%s %s: a sandbox has its own %s; name a path below it, or place it elsewhere (--at)",
                binds[i].writable ? "--rw" : "--ro", binds[i].path, place);
    }
    qsort(binds, count, sizeof(*binds), by_place);
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        if (by_place(&binds[kept], &binds[i]) != 0) {
            binds[++kept] = binds[i];
            if (kept != i)
                binds[i].path = NULL;
            continue;
        }
        if (binds[kept].writable != binds[i].writable || strcmp(binds[kept].path, binds[i].path) != 0)
            return options_refuse("%s: two paths for one place", plan_bind_place(&binds[i]));
        free((char *)binds[i].path);
        binds[i].path = NULL;
    }
    options->command.bind_count = count ? kept + 1 : 0;
    return 0;
}

void paths_finish(struct options *options)
{
    for (size_t i = 0; i < options->command.bind_count; i++)
        free((char *)options->binds[i].path);
    options->command.bind_count = 0;
}
