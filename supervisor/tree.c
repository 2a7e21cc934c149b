#include "supervisor/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

enum { TREE_DEPTH_MAX = 32 };

static void cleanup_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static int remove_entry(int parent_fd, const char *name, dev_t device, int depth);

static int remove_contents(int fd, dev_t device, int depth)
{
    __attribute__((cleanup(cleanup_directory))) DIR *directory = fdopendir(fd);
    struct dirent *entry;

    if (!directory) {
        int error = errno;
        close(fd);
        return -error;
    }
    while (errno = 0, (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int result = remove_entry(dirfd(directory), entry->d_name, device, depth + 1);
        if (result < 0)
            return result;
    }
    return -errno;
}

static int remove_entry(int parent_fd, const char *name, dev_t device, int depth)
{
    struct stat status;

    if (depth > TREE_DEPTH_MAX)
        return -ELOOP;
    if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;

    AUTO_FD int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (status.st_dev != device)
        return -EXDEV;
    int result = remove_contents(steal_fd(&fd), device, depth);
    if (result < 0)
        return result;
    return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int tree_remove(int parent_fd, const char *name)
{
    struct stat status;

    if (fstat(parent_fd, &status) < 0)
        return -errno;
    return remove_entry(parent_fd, name, status.st_dev, 0);
}
