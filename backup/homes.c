#include "backup/homes.h"

#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backup/file_data.h"
#include "backup/hard_links.h"
#include "lib/cleanup.h"

struct walk {
    struct homes_reader *reader;
    struct hard_links links;
    uid_t owner; // of the home's directory
    uint32_t number;
    char path[sizeof(MEMBER_HOMES) + ID_TEXT_SIZE +
              MEMBER_PATH_MAX]; // of the entry at hand, as its member is named
    size_t length;
};

static const char *const left_names[LEFT_COUNT] = {
    [LEFT_SPECIAL] = "special files", [LEFT_FOREIGN] = "of others",    [LEFT_MOUNT] = "on other file systems",
    [LEFT_DEEP] = "too deep",         [LEFT_LINKS] = "too many links", [LEFT_GONE] = "gone meanwhile",
    [LEFT_UNREADABLE] = "unreadable",
};

const char *homes_left_name(enum homes_left left)
{
    return left_names[left];
}

static int leave(struct walk *walk, enum homes_left why)
{
    walk->reader->count->left[why]++;
    return 0;
}

static int leave_for(struct walk *walk, int error)
{
    if (error == -ENOMEM || error == -EMFILE || error == -ENFILE)
        return error;
    if (error == -EXDEV)
        return leave(walk, LEFT_MOUNT);
    bool gone = error == -ENOENT || error == -ELOOP || error == -ENOTDIR || error == -EAGAIN;
    return leave(walk, gone ? LEFT_GONE : LEFT_UNREADABLE);
}

// O_PATH touches nothing: opening a pipe or a device may already have an effect.
static int look(int parent, const char *name, uint64_t resolve, struct stat *ret_status)
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    AUTO_FD int owned = (int)fd;
    return fstat(owned, ret_status) < 0 ? -errno : steal_fd(&owned);
}

static int open_for_reading(int parent, const char *name, int flags, uint64_t resolve,
                            const struct stat *expected)
{
    struct open_how how = {
        .flags = (uint64_t)(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve};
    long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    AUTO_FD int owned = (int)fd;
    struct stat status;
    if (fstat(owned, &status) < 0)
        return -errno;
    return status.st_ino == expected->st_ino && status.st_dev == expected->st_dev ? steal_fd(&owned)
                                                                                  : -ENOENT;
}

// A claim may be giving the home to another uid right now: all numbers of sandboxes are its owner's.
static bool is_of_home(const struct walk *walk, uint64_t id)
{
    const struct homes_reader *reader = walk->reader;
    return id == walk->owner || (id > reader->uid_base && id <= reader->uid_base + reader->uid_count);
}

static void cleanup_entry(struct archive_entry **entry)
{
    archive_entry_free(*entry);
}

static struct archive_entry *make_entry(const struct walk *walk, const struct stat *status, mode_t type)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return NULL;
    archive_entry_copy_pathname(entry, walk->path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, status->st_mode & 01777);
    archive_entry_set_uid(entry, walk->number);
    archive_entry_set_gid(entry, walk->number);
    archive_entry_set_mtime(entry, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
    return entry;
}

static int put_symlink(struct walk *walk, int parent, const char *name, const struct stat *status)
{
    char target[MEMBER_PATH_MAX];
    ssize_t length = readlinkat(parent, name, target, sizeof(target));
    if (length < 0 || (size_t)length >= sizeof(target))
        return leave_for(walk, length < 0 ? -errno : -ENAMETOOLONG);
    target[length] = '\0';
    CLEANUP(cleanup_entry) struct archive_entry *entry = make_entry(walk, status, AE_IFLNK);
    if (!entry)
        return -ENOMEM;
    archive_entry_copy_symlink(entry, target);
    walk->reader->count->symlinks++;
    return file_data_header(walk->reader->archive, entry);
}

static int put_hard_link(struct walk *walk, const struct stat *status, const char *first)
{
    CLEANUP(cleanup_entry) struct archive_entry *entry = make_entry(walk, status, AE_IFREG);
    if (!entry)
        return -ENOMEM;
    archive_entry_copy_hardlink(entry, first);
    walk->reader->count->hard_links++;
    return file_data_header(walk->reader->archive, entry);
}

static int put_file(struct walk *walk, int parent, const char *name, const struct stat *status)
{
    const char *first = NULL;
    AUTO_FD int fd = open_for_reading(parent, name, O_NOATIME, 0, status);
    if (fd < 0)
        return leave_for(walk, fd);
    int error = status->st_nlink > 1 ? hard_links_find(&walk->links, status, walk->path, &first) : 0;
    if (error)
        return error == -ENOSPC ? leave(walk, LEFT_LINKS) : error;
    if (first)
        return put_hard_link(walk, status, first);
    CLEANUP(cleanup_entry) struct archive_entry *entry = make_entry(walk, status, AE_IFREG);
    if (!entry)
        return -ENOMEM;
    struct file_data data = {.fd = fd};
    error = file_data_put(&data, walk->reader->archive, entry);
    walk->reader->count->files++;
    walk->reader->count->bytes += data.bytes;
    walk->reader->count->changed += data.shrank;
    return error;
}

static int put_directory(struct walk *walk, int parent, const char *name, const struct stat *status,
                         unsigned depth);

static int put(struct walk *walk, int parent, const char *name, unsigned depth)
{
    struct stat status;
    AUTO_FD int fd = look(parent, name, RESOLVE_NO_XDEV, &status);
    if (fd < 0)
        return leave_for(walk, fd);
    if (!is_of_home(walk, status.st_uid) || !is_of_home(walk, status.st_gid))
        return leave(walk, LEFT_FOREIGN);
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
        return put_directory(walk, parent, name, &status, depth);
    case S_IFREG:
        return put_file(walk, parent, name, &status);
    case S_IFLNK:
        return put_symlink(walk, parent, name, &status);
    default:
        return leave(walk, LEFT_SPECIAL);
    }
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int put_entries(struct walk *walk, DIR *entries, unsigned depth)
{
    size_t length = walk->length;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(entries)); errno = 0) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        size_t name_length = strlen(name);
        if (depth > MEMBER_DEPTH_MAX || length + 1 + name_length + 2 > sizeof(walk->path) ||
            name_length > MEMBER_NAME_MAX) {
            leave(walk, LEFT_DEEP);
            continue;
        }
        walk->path[length] = '/';
        memcpy(walk->path + length + 1, name, name_length + 1);
        walk->length = length + 1 + name_length;
        int error = put(walk, dirfd(entries), name, depth);
        walk->length = length;
        walk->path[length] = '\0';
        if (error)
            return error;
    }
    return errno ? leave_for(walk, -errno) : 0;
}

static int put_directory(struct walk *walk, int parent, const char *name, const struct stat *status,
                         unsigned depth)
{
    AUTO_FD int fd = open_for_reading(parent, name, O_DIRECTORY, depth ? RESOLVE_NO_XDEV : 0, status);
    if (fd < 0)
        return leave_for(walk, fd);
    CLEANUP(cleanup_entry) struct archive_entry *entry = make_entry(walk, status, AE_IFDIR);
    if (!entry)
        return -ENOMEM;
    int error = file_data_attributes(fd, entry);
    if (!error)
        error = file_data_header(walk->reader->archive, entry);
    if (error)
        return error;
    walk->reader->count->directories++;
    CLEANUP(cleanup_dir) DIR *entries = fdopendir(fd);
    if (!entries)
        return -errno;
    steal_fd(&fd);
    return put_entries(walk, entries, depth + 1);
}

int homes_read(struct homes_reader *reader, const struct id *home, uint32_t number)
{
    char name[ID_TEXT_SIZE];
    struct stat status;
    AUTO_FREE struct walk *walk = calloc(1, sizeof(*walk));
    if (!walk)
        return -ENOMEM;
    id_format(home, name);
    walk->reader = reader;
    walk->number = number;
    walk->length = (size_t)snprintf(walk->path, sizeof(walk->path), MEMBER_HOMES "%s", name);
    AUTO_FD int fd = look(reader->storage, name, 0, &status);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return leave_for(walk, fd);
    if (!S_ISDIR(status.st_mode))
        return leave(walk, LEFT_SPECIAL);
    walk->owner = status.st_uid;
    reader->count->homes++;
    int error = put_directory(walk, reader->storage, name, &status, 0);
    hard_links_finish(&walk->links);
    return error;
}
