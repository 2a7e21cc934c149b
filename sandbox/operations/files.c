#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/operations/operations.h"

int operation_directory(struct run *run, const struct operation *operation)
{
    (void)run;
    mode_t mode = (mode_t)operation->number;
    if (mkdir(operation->target, mode) < 0 && errno != EEXIST)
        return -errno;
    return mode & 022 && chmod(operation->target, mode) < 0 ? -errno : 0; // the umask is 022
}

int operation_link(struct run *run, const struct operation *operation)
{
    (void)run;
    return symlink(operation->source, operation->target) < 0 ? -errno : 0;
}

int operation_file(struct run *run, const struct operation *operation)
{
    (void)run;
    AUTO_FD int fd = open(operation->target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    return fd < 0 ? -errno : write_all(fd, operation->source, strlen(operation->source));
}

int operation_sysctl(struct run *run, const struct operation *operation)
{
    (void)run;
    AUTO_FD int fd = open(operation->target, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, operation->source, strlen(operation->source));
}
