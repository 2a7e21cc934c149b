#include "sandbox/run/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/plan/tables.h"

#define LINKS_MAX 8   // as many links lead from one place to the next
#define LINK_MAX 4096 // characters of where one leads

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
    bind->place = strdup(place);
    return bind->place ? 0 : options_refuse("--at %s: %s", place, strerror(ENOMEM));
}

// Where a link of the new root leads, or false.
static bool read_link(const struct operation *operation, char text[static LINK_MAX])
{
    char read[LINK_MAX];
    if (operation->kind == OPERATION_LINK)
        return snprintf(text, LINK_MAX, "%s", operation->source) < LINK_MAX && *text == '/';
    ssize_t length = operation->kind == OPERATION_BIND && (operation->number & BIND_SYSTEM)
                         ? readlink(operation->source, read, sizeof(read))
                         : -1;
    if (length <= 0 || length >= LINK_MAX - 1)
        return false;
    return snprintf(text, LINK_MAX, "%s%.*s", *read == '/' ? "" : "/", (int)length, read) < LINK_MAX;
}

// The place behind the first of these links that lies on the way. 1; 0: none does; -ENOMEM.
static int follow_link(const struct operation *table, size_t count, const char *place, char **ret_next)
{
    for (size_t i = 0; i < count; i++) {
        char text[LINK_MAX], *next;
        size_t length = strlen(table[i].target);
        if (strncmp(place + 1, table[i].target, length) != 0 || place[1 + length] != '/' ||
            !read_link(&table[i], text))
            continue;
        if (asprintf(&next, "%s%s", text, place + 1 + length) < 0)
            return -ENOMEM;
        *ret_next = next;
        return 1;
    }
    return 0;
}

// Places are compared and mounted in the order of their names, so each gets the name that it has behind the links of the new root.
static int follow_links(struct plan_bind *bind)
{
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        char *next;
        int followed = follow_link(plan_base_table, plan_base_count, plan_bind_place(bind), &next);
        if (followed == 0)
            followed = follow_link(plan_system_table, plan_system_count, plan_bind_place(bind), &next);
        if (followed < 0)
            return options_refuse("%s: %s", plan_bind_place(bind), strerror(-followed));
        if (followed == 0)
            return 0;
        free((char *)bind->place);
        bind->place = next;
    }
    return options_refuse("%s: %s", plan_bind_place(bind), strerror(ELOOP));
}

static void forget(struct plan_bind *bind)
{
    free((char *)bind->path);
    free((char *)bind->place);
    *bind = (struct plan_bind){0};
}

static int by_place(const void *first, const void *second)
{
    const struct plan_bind *a = first, *b = second;
    return strcmp(plan_bind_place(a), plan_bind_place(b));
}

static int check_own(const struct plan_bind *bind)
{
    const char *place = plan_bind_place(bind);
    if (!is_own(place) && !own_tree(place))
        return 0;
    return options_refuse(
        "%s %s: a sandbox has its own %s; name a path below it, or place it elsewhere (--at)",
        bind->writable ? "--rw" : "--ro", bind->path, place);
}

int paths_settle(struct options *options)
{
    struct plan_bind *binds = options->binds;
    size_t count = options->command.bind_count;
    for (size_t i = 0; i < count; i++) {
        int error = check_own(&binds[i]);
        if (!error)
            error = follow_links(&binds[i]);
        if (!error)
            error = check_own(&binds[i]);
        if (error)
            return error;
    }
    qsort(binds, count, sizeof(*binds), by_place);
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        if (by_place(&binds[kept], &binds[i]) != 0) {
            if (++kept != i) {
                binds[kept] = binds[i];
                binds[i] = (struct plan_bind){0};
            }
            continue;
        }
        if (binds[kept].writable != binds[i].writable || strcmp(binds[kept].path, binds[i].path) != 0)
            return options_refuse("%s: two paths for one place", plan_bind_place(&binds[i]));
        forget(&binds[i]);
    }
    options->command.bind_count = count ? kept + 1 : 0;
    return 0;
}

void paths_finish(struct options *options)
{
    for (size_t i = 0; i < options->command.bind_count; i++)
        forget(&options->binds[i]);
    options->command.bind_count = 0;
}
