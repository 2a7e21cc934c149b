// /proc, /sys and configuration: what tells of the host, and what changes it.

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

// Any of the ways to know it. A limit of the sandbox would be a smaller number.
static int load(const struct door *door)
{
    static const char *const files[] = {"/proc/stat", "/proc/meminfo", "/proc/loadavg", "/proc/uptime"};
    struct sysinfo info;
    (void)door;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct door file = {.path = files[i]};
        if (door_read(&file) > 0)
            return 1;
    }
    return sysinfo(&info) < 0 ? -errno : 1;
}

static int note_writable(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)position;
    if (kind != FTW_F || !S_ISREG(status->st_mode)) // a mask is a device
        return 0;
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int writable_below(const struct door *door)
{
    return nftw(door->path, note_writable, 16, FTW_PHYS);
}

// The host's path of a bind mount stands in its fourth field, the path here in the fifth.
static int host_paths(const struct door *door)
{
    FILE *mounts = fopen(door->path, "re");
    if (!mounts)
        return -errno;
    char line[4096];
    int found = 0;
    while (!found && fgets(line, sizeof(line), mounts)) {
        char *rest = line, *fields[5];
        for (size_t i = 0; i < 5; i++)
            fields[i] = strsep(&rest, " ");
        if (!rest || fields[3][0] != '/' || !strchr(fields[3] + 1, '/'))
            continue;
        size_t whole = strlen(fields[3]), here = strlen(fields[4]);
        found = here > whole || strcmp(fields[3] + whole - here, fields[4]) != 0 || here < whole;
    }
    fclose(mounts);
    return found;
}

static int host_uid(const struct door *door)
{
    FILE *map = fopen(door->path, "re");
    unsigned inside, outside, count;
    if (!map)
        return -errno;
    int fields = fscanf(map, "%u %u %u", &inside, &outside, &count);
    fclose(map);
    return fields == 3;
}

static int group_name(const struct door *door)
{
    char line[512];
    FILE *groups = fopen(door->path, "re");
    if (!groups)
        return -errno;
    int named = 0;
    while (fgets(line, sizeof(line), groups)) {
        const char *path = strrchr(line, ':');
        named |= path && strcmp(path, ":/\n") != 0;
    }
    fclose(groups);
    return named;
}

// Every Debian has it; a list made for the sandbox has not.
static int user_list(const struct door *door)
{
    char line[512];
    return door_line(door->path, "www-data:", line, sizeof(line));
}

static int page_frames(const struct door *door)
{
    unsigned long entry = 0;
    static volatile char touched = 1;
    int fd = open(door->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    off_t offset = (off_t)((unsigned long)&touched / (unsigned long)sysconf(_SC_PAGESIZE) * sizeof(entry));
    return pread(fd, &entry, sizeof(entry), offset) == sizeof(entry) && (entry & ((1UL << 55) - 1)) != 0;
}

#define TRY(in, called, gives, how, file)                                                                    \
    {                                                                                                        \
        in, called, gives, how, file, 0,                                                                     \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define READ(file) TRY("proc", file, "the host's state", door_read, file)
#define LIST(file) TRY("proc", file, "the host's devices and drivers", door_list, file)
#define WRITE(file, gives) TRY("sysctl", file, gives, door_write, file)

static const struct door doors[] = {
    READ("/proc/kcore"),
    READ("/proc/kallsyms"),
    READ("/proc/kmsg"),
    READ("/proc/keys"),
    READ("/proc/key-users"),
    READ("/proc/config.gz"),
    READ("/proc/timer_list"),
    READ("/proc/iomem"),
    READ("/proc/ioports"),
    READ("/proc/interrupts"),
    READ("/proc/softirqs"),
    READ("/proc/modules"),
    READ("/proc/slabinfo"),
    READ("/proc/vmallocinfo"),
    READ("/proc/vmstat"),
    READ("/proc/buddyinfo"),
    READ("/proc/pagetypeinfo"),
    READ("/proc/zoneinfo"),
    READ("/proc/kpagecount"),
    READ("/proc/kpageflags"),
    READ("/proc/schedstat"),
    READ("/proc/locks"),
    READ("/proc/partitions"),
    READ("/proc/diskstats"),
    READ("/proc/swaps"),
    READ("/proc/cmdline"),
    READ("/proc/consoles"),
    READ("/proc/crypto"),
    READ("/proc/cgroups"),
    READ("/proc/devices"),
    READ("/proc/misc"),
    READ("/proc/mtrr"),
    READ("/proc/pressure/cpu"),
    READ("/proc/tty/drivers"),
    READ("/proc/irq/default_smp_affinity"),
    READ("/proc/bus/pci/devices"),
    LIST("/proc/fs"),
    LIST("/proc/acpi"),
    LIST("/proc/scsi"),
    TRY("proc", "load of the host", "how busy and how full the host is: a channel", load, NULL),
    TRY("proc", "/proc/sysrq-trigger", "a change of the whole machine", door_write, "/proc/sysrq-trigger"),
    TRY("proc", "host paths in mountinfo", "names of directories of the host", host_paths,
        "/proc/self/mountinfo"),
    TRY("proc", "host uid in uid_map", "the number behind the user", host_uid, "/proc/self/uid_map"),
    TRY("proc", "host's control group", "names of the host's services", group_name, "/proc/self/cgroup"),
    TRY("proc", "page frames", "physical addresses, Rowhammer", page_frames, "/proc/self/pagemap"),
    TRY("proc", "/proc/self/stack", "kernel addresses", door_read, "/proc/self/stack"),
    WRITE("/proc/sys/kernel/core_pattern", "a program of the host, run as root"),
    WRITE("/proc/sys/kernel/modprobe", "a program of the host, run as root"),
    WRITE("/proc/sys/kernel/hostname", "the host's name"),
    WRITE("/proc/sys/kernel/sysrq", "a change of the whole machine"),
    WRITE("/proc/sys/vm/drop_caches", "the host's memory"),
    WRITE("/proc/sys/vm/overcommit_memory", "the host's memory"),
    WRITE("/proc/sys/fs/binfmt_misc/register", "a program of the host's other users"),
    WRITE("/proc/sys/net/ipv4/ip_forward", "the network"),
    WRITE("/proc/sys/user/max_mnt_namespaces", "the limit on namespaces"),
    TRY("sysctl", "any writable sysctl", "a setting of the kernel", writable_below, "/proc/sys"),
    TRY("sysctl", "boot id", "which host this is, and since when", door_read,
        "/proc/sys/kernel/random/boot_id"),
    TRY("sysctl", "open files of the host", "a channel, and how busy the host is", door_read,
        "/proc/sys/fs/file-nr"),
    TRY("sysctl", "inodes of the host", "a channel, and how busy the host is", door_read,
        "/proc/sys/fs/inode-nr"),
    TRY("sysctl", "names in the host's cache", "a channel, and how busy the host is", door_read,
        "/proc/sys/fs/dentry-state"),
    TRY("sys", "/sys/kernel", "the kernel's objects", door_list, "/sys/kernel"),
    TRY("sys", "/sys/class", "the host's devices", door_list, "/sys/class"),
    TRY("sys", "/sys/devices/system/cpu", "the host's devices", door_list, "/sys/devices/system/cpu"),
    TRY("sys", "/sys/module", "the kernel's modules", door_list, "/sys/module"),
    TRY("sys", "/sys/firmware", "the firmware's tables", door_list, "/sys/firmware"),
    TRY("sys", "/sys/kernel/debug", "the kernel's insides", door_list, "/sys/kernel/debug"),
    TRY("sys", "/sys/kernel/tracing", "the kernel's insides", door_list, "/sys/kernel/tracing"),
    TRY("sys", "/sys/fs/cgroup", "the host's control groups", door_list, "/sys/fs/cgroup"),
    TRY("sys", "release_agent", "a program of the host, run as root, CVE-2022-0492", door_write,
        "/sys/fs/cgroup/memory/release_agent"),
    TRY("sys", "cgroup.procs", "another group, with other limits", door_write,
        "/sys/fs/cgroup/pids/cgroup.procs"),
    TRY("host", "user list", "who has an account on the host", user_list, "/etc/passwd"),
    TRY("host", "/etc/shadow", "passwords", door_read, "/etc/shadow"),
    TRY("host", "/etc/passwd writable", "accounts", door_write, "/etc/passwd"),
    TRY("host", "programs writable", "code in all sandboxes", door_write, "/usr/bin/env"),
    TRY("host", "/var/log", "logs of the host", door_list, "/var/log"),
    TRY("host", "/boot", "the kernel's image", door_list, "/boot"),
    TRY("host", "/root", "files of root", door_list, "/root"),
    TRY("host", "/etc/fstab", "disks of the host", door_read, "/etc/fstab"),
    TRY("host", "/run/dbus", "services of the host", door_list, "/run/dbus"),
};
const struct door_table doors_files = {doors, sizeof(doors) / sizeof(doors[0])};
