#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

int door_reached(long result)
{
    if (result >= 0)
        return 1;
    switch (errno) {
    case ENOSYS:
    case EPERM:
    case EACCES:
    case EOPNOTSUPP:
    case ENOPROTOOPT:
        return -errno;
    default:
        return 1;
    }
}

int door_call(const struct door *door)
{
    const long *a = door->arguments;
    return door_reached(syscall(door->call, a[0], a[1], a[2], a[3], a[4], a[5]));
}

int door_read(const struct door *door)
{
    char byte;
    int fd = open(door->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, &byte, 1);
    return length < 0 ? -errno : length > 0;
}

int door_write(const struct door *door)
{
    struct stat status;
    int fd = open(door->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 || fstat(fd, &status) < 0 ? -errno : S_ISREG(status.st_mode); // a mask is a device
}

int door_list(const struct door *door)
{
    DIR *directory = opendir(door->path);
    if (!directory)
        return -errno;
    unsigned entries = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        entries += entry->d_name[0] != '.';
    closedir(directory);
    return entries > 0;
}

bool door_line(const char *path, const char *start, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool found = false;
    while (!found && fgets(text, (int)size, file))
        found = strncmp(text, start, strlen(start)) == 0;
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    return found;
}

int door_in_child(int (*attempt)(void *), void *data)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(attempt(data) > 0);
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

struct nested {
    int namespaces;
    int (*attempt)(void);
};

static int run_nested(void *data)
{
    const struct nested *nested = data;
    char map[64];
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (unshare(CLONE_NEWUSER) < 0)
        return 0;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    write_text("/proc/self/gid_map", map);
    if (nested->namespaces && unshare(nested->namespaces) < 0)
        return 0;
    return nested->attempt();
}

int door_nested(int namespaces, int (*attempt)(void))
{
    struct nested nested = {namespaces, attempt};
    return door_in_child(run_nested, &nested);
}
