// Devices: those in /dev that do more than the few everyone needs, and new ones.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

static int open_device(const struct door *door)
{
    return open(door->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) < 0 ? -errno : 1;
}

static int any_disk(const struct door *door)
{
    DIR *directory = opendir(door->path);
    if (!directory)
        return -errno;
    int found = 0;
    for (struct dirent *entry; !found && (entry = readdir(directory));) {
        struct stat status;
        found = fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISBLK(status.st_mode) &&
                openat(dirfd(directory), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0;
    }
    closedir(directory);
    return found;
}

static int make_device(const struct door *door)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/door-%d", (int)getpid());
    int made =
        mknod(path, (mode_t)door->arguments[0] | 0600, makedev(door->arguments[1], door->arguments[2]));
    int error = errno;
    unlink(path);
    return made < 0 ? -error : 1;
}

#define DEVICE(file, gives)                                                                                  \
    {                                                                                                        \
        "devices", file, gives, open_device, file, 0,                                                        \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }

static const struct door doors[] = {
    DEVICE("/dev/mem", "the machine's memory"),
    DEVICE("/dev/port", "the machine's ports"),
    DEVICE("/dev/kmsg", "the kernel's log"),
    DEVICE("/dev/kvm", "the hypervisor"),
    DEVICE("/dev/fuse", "file systems, made by the attacker"),
    DEVICE("/dev/net/tun", "network links"),
    DEVICE("/dev/loop-control", "disks, made by the attacker"),
    DEVICE("/dev/userfaultfd", "kernel races can be held open"),
    DEVICE("/dev/uinput", "keys for the host's console"),
    DEVICE("/dev/vhost-vsock", "the hypervisor"),
    DEVICE("/dev/autofs", "mounts of the host"),
    DEVICE("/dev/console", "the host's console"),
    DEVICE("/dev/tty1", "the host's console"),
    DEVICE("/dev/cpu/0/msr", "registers of the processor"),
    DEVICE("/dev/hwrng", "entropy of the host"),
    DEVICE("/dev/cpu_dma_latency", "sleep states of the processors"),
    {"devices", "any disk", "the host's files", any_disk, "/dev", 0, {0}},
    {"devices", "mknod of a disk", "the host's files", make_device, NULL, 0, {S_IFBLK, 254, 0}},
    {"devices", "mknod of memory", "the machine's memory", make_device, NULL, 0, {S_IFCHR, 1, 1}},
};
const struct door_table doors_devices = {doors, sizeof(doors) / sizeof(doors[0])};
