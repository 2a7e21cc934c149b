#include "backup/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/limits.h"

#define USER_PREFIX "user."
#define BLOCK_SIZE 4096u

static int refuse(struct extract *extract, const char *problem)
{
    extract->problem = problem;
    return -EPROTO;
}

// What a file system refuses to one entry, whatever room there is.
static bool is_of_entry(int error)
{
    return error == -ENAMETOOLONG || error == -EMLINK || error == -EILSEQ || error == -EFBIG;
}

static bool is_of_attribute(int error)
{
    return error == -E2BIG || error == -ENOSPC || error == -ENOTSUP || error == -ERANGE;
}

static void count_left(struct extract *extract, const char *below, const char *attribute, int error)
{
    extract->left++;
    extract->left_here++;
    if (extract->tell_left)
        extract->tell_left(&extract->home, below, attribute, error);
}

// A full disk refuses attributes too; it does not take the next file either, and that ends the restore.
static int put_attributes(struct extract *extract, const char *below, int fd, struct archive_entry *entry)
{
    const char *name, *refused = ""; // libarchive writes each in two dialects, and reads both
    const void *value;
    size_t size;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (!name || strncmp(name, USER_PREFIX, strlen(USER_PREFIX)) != 0 ||
            fsetxattr(fd, name, value, size, 0) == 0)
            continue;
        int error = -errno;
        if (!is_of_attribute(error))
            return error;
        if (strcmp(name, refused) != 0)
            count_left(extract, below, name, error);
        refused = name;
    }
    return 0;
}

// The owner comes last: until then the file is root's, and afterwards it can't be changed without further rights.
static int give_fd(const struct extract *extract, int fd, mode_t mode, struct timespec modified)
{
    const struct timespec times[2] = {modified, modified};
    if (fchmod(fd, mode & 01777) < 0 || futimens(fd, times) < 0)
        return -errno;
    return extract->give && fchown(fd, extract->owner, extract->owner) < 0 ? -errno : 0;
}

static int close_level(struct extract *extract)
{
    struct extract_level *level = &extract->levels[--extract->depth];
    if (level->fd < 0)
        return 0;
    int error = give_fd(extract, level->fd, level->mode, level->modified);
    close(level->fd);
    return error;
}

int extract_end(struct extract *extract)
{
    while (extract->depth > 0) {
        int error = close_level(extract);
        if (error)
            return error;
    }
    return 0;
}

// Leaves the directories that `below` is not in. What is left is the entry's directory, or the member is out of order.
static int go_to_parent(struct extract *extract, const char *below, const char **ret_name)
{
    const char *slash = strrchr(below, '/');
    size_t parent = slash ? (size_t)(slash - below) : 0;
    while (extract->depth > 1) {
        const struct extract_level *level = &extract->levels[extract->depth - 1];
        if (level->length == parent && memcmp(extract->path, below, parent) == 0)
            break;
        int error = close_level(extract);
        if (error)
            return error;
    }
    if (extract->depth == 0 || extract->levels[extract->depth - 1].length != parent)
        return refuse(extract, "an entry is not below a directory that came before it");
    *ret_name = slash ? slash + 1 : below;
    return 0;
}

static struct timespec modified_of(struct archive_entry *entry)
{
    return (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

static int enter(struct extract *extract, int parent, const char *name, const char *below,
                 struct archive_entry *entry)
{
    if (extract->depth >= sizeof(extract->levels) / sizeof(extract->levels[0]))
        return refuse(extract, "directories are too deep");
    AUTO_FD int fd = -1;
    if (extract->staging >= 0) {
        if (mkdirat(parent, name, 0700) < 0)
            return -errno;
        int error = open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd);
        if (!error)
            error = put_attributes(extract, below, fd, entry);
        if (error)
            return error;
    }
    size_t length = strlen(below);
    memcpy(extract->path, below, length + 1);
    extract->levels[extract->depth++] =
        (struct extract_level){steal_fd(&fd), length, archive_entry_perm(entry), modified_of(entry)};
    return 0;
}

static int begin_home(struct extract *extract, const struct id *home, struct archive_entry *entry)
{
    char name[ID_TEXT_SIZE];
    int error = extract_end(extract);
    if (error)
        return error;
    int64_t number = archive_entry_uid(entry);
    if (number < 1 || number > ACCOUNT_NUMBER_MAX)
        return refuse(extract, "a home belongs to no account");
    extract->home = *home;
    extract->number = (uint32_t)number;
    extract->owner = (uid_t)(extract->uid_base + (uint64_t)number);
    extract->homes++;
    extract->left_here = 0;
    extract->left_below[0] = '\0';
    id_format(home, name);
    return enter(extract, extract->staging, name, "", entry);
}

// Holes that the archive holds as zeros become holes again: a home must not grow by being restored.
static bool only_zeros(const char *bytes, size_t length)
{
    return length > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static int put_blocks(int fd, const char *bytes, size_t length, int64_t offset)
{
    while (length > 0) {
        size_t block = BLOCK_SIZE - (size_t)offset % BLOCK_SIZE;
        size_t part = length < block ? length : block;
        ssize_t n = only_zeros(bytes, part) ? (ssize_t)part : pwrite(fd, bytes, part, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes += n;
        offset += n;
        length -= (size_t)n;
    }
    return 0;
}

static int put_data(int fd, struct extract *extract, struct archive *archive, int64_t size)
{
    const void *block;
    size_t length;
    int64_t offset;
    int status;
    while ((status = archive_read_data_block(archive, &block, &length, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || offset > size || (int64_t)length > size - offset)
            return refuse(extract, "a file holds more than its size");
        extract->bytes += length;
        int error = fd >= 0 ? put_blocks(fd, block, length, offset) : 0;
        if (error)
            return error;
    }
    if (status != ARCHIVE_EOF)
        return refuse(extract, "a file's data can't be read");
    return fd >= 0 && ftruncate(fd, size) < 0 ? -errno : 0;
}

static int make_file(struct extract *extract, const char *name, const char *below, struct archive *archive,
                     struct archive_entry *entry)
{
    AUTO_FD int fd = -1;
    int parent = extract->levels[extract->depth - 1].fd;
    if (extract->staging >= 0)
        fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (extract->staging >= 0 && fd < 0)
        return -errno;
    int error = put_data(fd, extract, archive, archive_entry_size(entry));
    // What there is of it has no owner yet: a home with an entry that is not its owner's is refused.
    if (fd >= 0 && is_of_entry(error) && unlinkat(parent, name, 0) < 0)
        return -errno;
    if (error || fd < 0)
        return error;
    error = put_attributes(extract, below, fd, entry);
    return error ? error : give_fd(extract, fd, archive_entry_perm(entry), modified_of(entry));
}

static int make_symlink(struct extract *extract, const char *name, struct archive_entry *entry)
{
    const char *target = archive_entry_symlink(entry);
    int parent = extract->levels[extract->depth - 1].fd;
    const struct timespec times[2] = {modified_of(entry), modified_of(entry)};
    if (!target || !*target || strlen(target) >= MEMBER_PATH_MAX)
        return refuse(extract, "a symbolic link leads nowhere");
    if (extract->staging < 0)
        return 0;
    if (symlinkat(target, parent, name) < 0 || utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return extract->give && fchownat(parent, name, extract->owner, extract->owner, AT_SYMLINK_NOFOLLOW) < 0
               ? -errno
               : 0;
}

// To a file of the same home. O_PATH and no link on the way; the link itself is not followed either.
static int link_file(const struct extract *extract, const char *name, char *target)
{
    char *slash = strrchr(target, '/');
    const char *last = slash ? slash + 1 : target;
    AUTO_FD int opened = -1;
    int parent = extract->levels[0].fd;
    if (slash) {
        *slash = '\0';
        int error = open_beneath(parent, target, O_PATH | O_DIRECTORY, 0, &opened);
        if (error)
            return error;
        parent = opened;
    }
    return linkat(parent, last, extract->levels[extract->depth - 1].fd, name, 0) < 0 ? -errno : 0;
}

static int make_hard_link(struct extract *extract, const char *name, const char *target)
{
    struct id home;
    char below[MEMBER_PATH_MAX];
    if (member_parse(target, &home, below) || !id_equal(&home, &extract->home) || !*below)
        return refuse(extract, "a hard link leads out of its home");
    if (extract->staging < 0)
        return 0;
    int error = link_file(extract, name, below);
    // Its first name may be among those that were left out.
    return error == -ENOENT && extract->left_here > 0 ? -EMLINK : error;
}

// An entry of a home, in its place: 0, or why it is not there.
static int make_entry(struct extract *extract, const char *name, const char *below, struct archive *archive,
                      struct archive_entry *entry)
{
    const char *link = archive_entry_hardlink(entry);
    if (extract->name_max > 0 && strlen(name) > extract->name_max)
        return -ENAMETOOLONG;
    if (link)
        return make_hard_link(extract, name, link);
    switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
        return enter(extract, extract->levels[extract->depth - 1].fd, name, below, entry);
    case AE_IFREG:
        return make_file(extract, name, below, archive, entry);
    case AE_IFLNK:
        return make_symlink(extract, name, entry);
    default:
        return refuse(extract, "an entry is neither file, directory nor link");
    }
}

// Whether it is in a directory that was left out.
static bool is_left(struct extract *extract, const char *below)
{
    size_t length = strlen(extract->left_below);
    if (length > 0 && strncmp(below, extract->left_below, length) == 0 && below[length] == '/')
        return true;
    extract->left_below[0] = '\0'; // its entries follow it at once
    return false;
}

int extract_member(struct extract *extract, struct archive *archive, struct archive_entry *entry)
{
    struct id home;
    char below[MEMBER_PATH_MAX];
    const char *member = archive_entry_pathname(entry);
    const char *name;
    if (!member || member_parse(member, &home, below))
        return refuse(extract, "a name leads out of the homes");
    extract->entries++;
    mode_t type = archive_entry_filetype(entry);
    if (!*below)
        return type == AE_IFDIR ? begin_home(extract, &home, entry)
                                : refuse(extract, "a home is no directory");
    if (extract->depth == 0 || !id_equal(&home, &extract->home))
        return refuse(extract, "an entry comes before its home");
    if (is_left(extract, below)) {
        extract->left++;
        return 0;
    }
    int error = go_to_parent(extract, below, &name);
    if (!error)
        error = make_entry(extract, name, below, archive, entry);
    if (!is_of_entry(error))
        return error;
    count_left(extract, below, NULL, error);
    if (type == AE_IFDIR && !archive_entry_hardlink(entry))
        memcpy(extract->left_below, below, strlen(below) + 1);
    return 0;
}
