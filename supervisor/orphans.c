#include "supervisor/orphans.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cleanup.h"

int orphans_kill(pid_t except)
{
    AUTO_FILE FILE *children =
        fopen("/proc/thread-self/children", "re"); // needs CONFIG_PROC_CHILDREN, as Debian has
    int pid, count = 0;

    if (!children)
        return -errno;
    while (fscanf(children, "%d", &pid) == 1) {
        if (pid == except)
            continue;
        kill(pid, SIGKILL);
        count++;
    }
    return count;
}
