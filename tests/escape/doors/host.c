// What the caller outside put there to be found.

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

static int host_name(const struct door *door)
{
    (void)door;
    char name[256] = "";
    return door_facts.host_name && gethostname(name, sizeof(name) - 1) == 0 &&
           strcmp(name, door_facts.host_name) == 0;
}

static int connect_unix(const char *name, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!name || strlen(name) >= sizeof(address.sun_path) - 1)
        return 0;
    memcpy(address.sun_path + abstract, name, strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
    return fd < 0 || connect(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 1;
}

static int abstract_socket(const struct door *door)
{
    (void)door;
    return connect_unix(door_facts.abstract, true);
}

static int path_socket(const struct door *door)
{
    (void)door;
    return connect_unix(door_facts.socket, false);
}

static int file(const struct door *door)
{
    (void)door;
    return !door_facts.file || open(door_facts.file, O_RDONLY | O_CLOEXEC) < 0 ? 0 : 1;
}

static int process(const struct door *door)
{
    (void)door;
    DIR *processes = opendir("/proc");
    if (!processes || !door_facts.process)
        return 0;
    int found = 0;
    for (struct dirent *entry; !found && (entry = readdir(processes));) {
        char path[300], line[64];
        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        found = door_line(path, door_facts.process, line, sizeof(line));
    }
    closedir(processes);
    return found;
}

static int loopback(const struct door *door)
{
    (void)door;
    if (!door_facts.port)
        return 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(door_facts.port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 1;
}

#define FACT(called, gives, how)                                                                             \
    {                                                                                                        \
        "host", called, gives, how, NULL, 0,                                                                 \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }

static const struct door doors[] = {
    FACT("host's name", "which host this is", host_name),
    FACT("abstract socket of the host", "services of the host", abstract_socket),
    FACT("path socket of the host", "services of the host", path_socket),
    FACT("file in the host's tmp", "files of others", file),
    FACT("process of the host", "who works on the host, and what", process),
    FACT("loopback of the host", "services of the host", loopback),
};
const struct door_table doors_host = {doors, sizeof(doors) / sizeof(doors[0])};
