#include "sandbox/init/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define SEED_FILE_MAX (64u << 10)
#define SEED_DEPTH_MAX 6

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int copy_file(int from, int to, const char *name)
{
    AUTO_FREE char *text = NULL;
    size_t length;
    int error = read_file_at(from, name, SEED_FILE_MAX, &text, &length);
    if (error)
        return error;
    AUTO_FD int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd < 0 ? -errno : write_all(fd, text, length);
}

static void copy_directory(int from_fd, int to, int depth)
{
    AUTO_FD int from = from_fd;
    CLEANUP(cleanup_dir) DIR *dir = fdopendir(from);
    if (!dir)
        return;
    steal_fd(&from);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_type == DT_REG)
            copy_file(dirfd(dir), to, entry->d_name);
        bool deeper = entry->d_type == DT_DIR && depth < SEED_DEPTH_MAX && entry->d_name[0] != '.';
        // The skeleton has no hidden directory but .config, which it spells out.
        if (entry->d_type == DT_DIR && depth < SEED_DEPTH_MAX && entry->d_name[0] == '.')
            deeper = entry->d_name[1] != '\0' && entry->d_name[1] != '.';
        if (!deeper)
            continue;
        int source = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (source < 0)
            continue;
        mkdirat(to, entry->d_name, 0755);
        AUTO_FD int target = openat(to, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (target >= 0)
            copy_directory(source, target, depth + 1);
        else
            close(source);
    }
}

void home_seed(const char *skeleton, const char *home)
{
    AUTO_FD int to = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int from = open(skeleton, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to >= 0 && from >= 0)
        copy_directory(from, to, 0);
    else
        cleanup_fd(&from);
}
