// Channels to other sandboxes and the host over files that all of them may read.

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

// Any lock that others see: of the whole file, of a record, of an open file description.
static int lock(const struct door *door)
{
    static const int commands[] = {F_SETLK, F_OFD_SETLK};
    struct flock record = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
    int fd = open(door->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (fcntl(fd, commands[i], &record) == 0)
            return 1;
    }
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 1;
}

static int lease(const struct door *door)
{
    int fd = open(door->path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) < 0 ? -errno : 1;
}

static int watch(const struct door *door)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return fd < 0 || inotify_add_watch(fd, door->path, IN_OPEN | IN_ACCESS) < 0 ? -errno : 1;
}

static int notify(const struct door *door)
{
    int fd = open(door->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fcntl(fd, F_NOTIFY, DN_ACCESS) < 0 ? -errno : 1;
}

#define CHANNEL(called, gives, how, file)                                                                    \
    {                                                                                                        \
        "channels", called, gives, how, file, 0,                                                             \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define SEES "which files others open, and when"

static const struct door doors[] = {
    CHANNEL("lock of a shared file", "words between sandboxes that share the file", lock, "/usr/bin/env"),
    CHANNEL("lease of a shared file", "delays whoever writes it", lease, "/usr/bin/env"),
    CHANNEL("inotify on a shared directory", SEES, watch, "/usr/bin"),
    CHANNEL("dnotify on a shared directory", SEES, notify, "/usr/bin"),
};
const struct door_table doors_shared = {doors, sizeof(doors) / sizeof(doors[0])};
