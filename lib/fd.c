#include "lib/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/cleanup.h"

int open_beneath(int dir_fd, const char *path, int flags, mode_t mode, int *ret_fd)
{
    struct open_how how = {.flags = (unsigned long long)(flags | O_CLOEXEC),
                           .mode = flags & O_CREAT ? mode : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    *ret_fd = (int)fd;
    return 0;
}

int read_file_at(int dir_fd, const char *path, size_t maximum, char **ret_text, size_t *ret_length)
{
    AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    AUTO_FREE char *text = malloc(maximum + 1);
    if (!text)
        return -ENOMEM;
    size_t length = 0;
    for (;;) {
        char extra;
        ssize_t n = length < maximum ? read(fd, text + length, maximum - length) : read(fd, &extra, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        if (length == maximum)
            return -EFBIG;
        length += (size_t)n;
    }
    text[length] = '\0';
    if (ret_length)
        *ret_length = length;
    *ret_text = steal_pointer(&text);
    return 0;
}

int write_all(int fd, const void *data, size_t length)
{
    const char *p = data;
    while (length > 0) {
        ssize_t n = write(fd, p, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}
