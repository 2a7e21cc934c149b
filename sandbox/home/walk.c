// The walk that gives a home to another uid. No process runs with the home's uid meanwhile, but what those of earlier ones left there is
// hostile: no step follows a symbolic link, crosses a mount or leaves the directory, and an entry that belongs to anybody else stops it.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/home/home.h"

#define DEPTH_MAX 64

struct place {
    struct home_walk *walk;
    bool give;
    dev_t device;
};

static int visit(const struct place *place, int parent, const char *name, unsigned depth);

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int open_directory(int parent, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                                      RESOLVE_NO_XDEV};
    long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

static int visit_entries(const struct place *place, int parent, const char *name, unsigned depth)
{
    if (depth == DEPTH_MAX)
        return -HOME_TOO_LARGE;
    AUTO_FD int fd = open_directory(parent, name);
    if (fd < 0)
        return fd == -EXDEV ? -HOME_FOREIGN : fd;
    CLEANUP(cleanup_dir) DIR *entries = fdopendir(fd);
    if (!entries)
        return -errno;
    steal_fd(&fd);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(entries)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int error = visit(place, dirfd(entries), entry->d_name, depth + 1);
        if (error)
            return error;
    }
    return -errno;
}

static bool accepted(const struct home_walk *walk, unsigned id)
{
    return id >= 1 && id <= walk->accepted_max;
}

static int check(const struct place *place, const struct stat *status)
{
    struct home_walk *walk = place->walk;
    if (++walk->entries > walk->most && walk->most > 0)
        return -HOME_TOO_LARGE;
    bool ours =
        accepted(walk, status->st_uid) && accepted(walk, status->st_gid) && status->st_dev == place->device;
    return ours ? 0 : -HOME_FOREIGN;
}

static int visit(const struct place *place, int parent, const char *name, unsigned depth)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    int error = place->give ? 0 : check(place, &status);
    if (!error && S_ISDIR(status.st_mode))
        error = visit_entries(place, parent, name, depth);
    if (error || !place->give)
        return error;
    uid_t to = place->walk->to;
    if (status.st_uid == to && status.st_gid == to)
        return 0;
    return fchownat(parent, name, to, to, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int walk_all(struct home_walk *walk, int storage, const char *name, bool give)
{
    struct stat status;
    if (fstatat(storage, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    struct place place = {.walk = walk, .give = give, .device = status.st_dev};
    return visit(&place, storage, name, 0);
}

int home_walk_check(struct home_walk *walk, int storage, const char *name)
{
    return walk_all(walk, storage, name, false);
}

int home_walk_give(struct home_walk *walk, int storage, const char *name)
{
    return walk_all(walk, storage, name, true);
}
