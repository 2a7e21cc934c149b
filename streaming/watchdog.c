#include "streaming/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "lib/log.h"

// Only async-signal-safe calls: the log's formatting is not.
static void bark(int number)
{
    (void)number;
    static const char line[] =
        "sandbox-streamer error: the X server keeps the streamer waiting; it is given up\n";
    ssize_t written = write(log_descriptor(), line, sizeof(line) - 1);
    (void)written;
    _exit(1);
}

int watchdog_init(void)
{
    struct sigaction action = {.sa_handler = bark};
    return sigaction(SIGALRM, &action, NULL) < 0 ? -errno : 0;
}

void watchdog_start(void)
{
    alarm(WATCHDOG_SECONDS);
}

void watchdog_pause(void)
{
    alarm(0);
}
