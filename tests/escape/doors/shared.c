// Channels to other sandboxes and the host over files that all of them may read.

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

static int lock_whole(const struct door *door)
{
    int fd = open(door->path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 1;
}

static int lock_record(const struct door *door)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
    int fd = open(door->path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fcntl(fd, (int)door->arguments[0], &lock) < 0 ? -errno : 1;
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

#define CHANNEL(called, gives, how, file, ...) {"channels", called, gives, how, file, 0, {__VA_ARGS__}}
#define WORDS "words between sandboxes that share the file"
#define SEES "which files others open, and when"

static const struct door doors[] = {
    CHANNEL("lock of a shared file", WORDS, lock_whole, "/usr/bin/env", 0),
    CHANNEL("record lock of a shared file", WORDS, lock_record, "/usr/bin/env", F_SETLK),
    CHANNEL("description lock of a shared file", WORDS, lock_record, "/usr/bin/env", F_OFD_SETLK),
    CHANNEL("lease of a shared file", "delays whoever writes it", lease, "/usr/bin/env", 0),
    CHANNEL("inotify on a shared directory", SEES, watch, "/usr/bin", 0),
    CHANNEL("dnotify on a shared directory", SEES, notify, "/usr/bin", 0),
};
const struct door_table doors_shared = {doors, sizeof(doors) / sizeof(doors[0])};
