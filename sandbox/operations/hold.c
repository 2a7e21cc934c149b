// Stops all processes of a sandbox from within, by its pid 1: whatever sessions and groups they made.

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/operations/operations.h"

#define PATH_SIZE 64

static void cleanup_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

// What could not be opened or read.
static bool has_ended(void)
{
    return errno == ENOENT || errno == ESRCH;
}

// Whether this thread neither runs nor could be woken by anything that comes. One that the kernel has waiting (D, as the parent of a vfork) stops
// before it runs on.
static bool is_held(const char *thread)
{
    char path[PATH_SIZE * 2], text[128];
    if (snprintf(path, sizeof(path), "%s/stat", thread) >= (int)sizeof(path))
        return false;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (length < 0)
        return has_ended();
    text[length] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] && strchr("TtDZX", name_end[2]);
}

static bool are_threads_held(const char *process)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "/proc/%.16s/task", process);
    CLEANUP(cleanup_directory) DIR *threads = opendir(path);
    if (!threads)
        return has_ended();
    for (struct dirent *entry; (entry = readdir(threads));) {
        char thread[PATH_SIZE * 2];
        snprintf(thread, sizeof(thread), "%s/%.16s", path, entry->d_name);
        if (isdigit((unsigned char)*entry->d_name) && !is_held(thread))
            return false;
    }
    return true;
}

static bool are_all_held(void)
{
    CLEANUP(cleanup_directory) DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        if (isdigit((unsigned char)*entry->d_name) && strcmp(entry->d_name, "1") != 0 &&
            !are_threads_held(entry->d_name))
            return false;
    }
    return processes != NULL;
}

bool hold_everything(void)
{
    // No process that is made meanwhile escapes the signal (Linux 4.19), but one that has not stopped yet may continue another.
    kill(-1, SIGSTOP);
    if (!are_all_held())
        return false;
    kill(-1, SIGSTOP);
    return true;
}
