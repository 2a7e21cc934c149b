// Pid 1 of a sandbox that was taken over: says to sandboxd what the file "attack" of the desktop's directory asks for.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/init_channel.h"

// A listening socket, and a descriptor of its path, as the display's.
static int display(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/display"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
        return -1;
    return open("/tmp/display", O_PATH | O_CLOEXEC);
}

static int say(uint32_t kind, const int *fds, size_t count)
{
    struct init_message message = {.kind = kind};
    return ipc_send(INIT_CHANNEL_FD, &message, init_message_size(kind), fds, count);
}

static void fail(int error)
{
    struct init_message message = {.kind = INIT_FAILED, .failed = {.stage = 6, .error = error}};
    ipc_send(INIT_CHANNEL_FD, &message, init_message_size(INIT_FAILED), NULL, 0);
}

static void end_display(int32_t status)
{
    struct init_message message = {.kind = INIT_DISPLAY_ENDED, .display_ended = {.status = status}};
    ipc_send(INIT_CHANNEL_FD, &message, init_message_size(INIT_DISPLAY_ENDED), NULL, 0);
}

static void stop_short(void)
{
    struct init_message message = {.kind = INIT_FAILED, .failed = {.stage = 1000, .error = 1}};
    ipc_send(INIT_CHANNEL_FD, &message, init_message_size(INIT_FAILED), NULL, 0);
}

static void attack(const char *name)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int path = open("/dev/null", O_PATH | O_CLOEXEC);
    int real = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int shown = display();
    const int both[] = {shown, shown};
    char large[4096] = {INIT_DESKTOP_READY};
    bool parked = false;
    if (strcmp(name, "nonsense") == 0)
        ipc_send(INIT_CHANNEL_FD, "nonsense", 8, NULL, 0);
    else if (strcmp(name, "large") == 0)
        ipc_send(INIT_CHANNEL_FD, large, sizeof(large), NULL, 0);
    else if (strcmp(name, "short") == 0)
        ipc_send(INIT_CHANNEL_FD, large, 1, NULL, 0);
    else if (strcmp(name, "wrong stage") == 0)
        stop_short();
    else if (strcmp(name, "no display") == 0)
        say(INIT_DISPLAY_LISTENING, NULL, 0);
    else if (strcmp(name, "display is a device") == 0)
        say(INIT_DISPLAY_LISTENING, &null, 1);
    else if (strcmp(name, "display is a path to a device") == 0)
        say(INIT_DISPLAY_LISTENING, &path, 1);
    else if (strcmp(name, "display is a socket") == 0)
        say(INIT_DISPLAY_LISTENING, &real, 1);
    else if (strcmp(name, "two displays at once") == 0)
        say(INIT_DISPLAY_LISTENING, both, 2);
    else if (strcmp(name, "ready without display") == 0)
        say(INIT_DESKTOP_READY, NULL, 0);
    else if (strcmp(name, "ready with a descriptor") == 0)
        say(INIT_DESKTOP_READY, &null, 1);
    else if (strcmp(name, "bound") == 0)
        say(INIT_BOUND, NULL, 0);
    else if (strcmp(name, "failed in the middle") == 0)
        fail(5);
    else if (strcmp(name, "told to start") == 0)
        say(INIT_START_DESKTOP, &null, 1);
    else if (strcmp(name, "told to bind") == 0)
        say(INIT_BIND, NULL, 0);
    else if (strcmp(name, "told to run") == 0)
        say(INIT_RUN, NULL, 0);
    else if (strcmp(name, "told to sound") == 0)
        say(INIT_SOUND, &null, 1);
    else
        parked = true;
    if (!parked || say(INIT_DISPLAY_LISTENING, &shown, 1) < 0)
        return;
    if (strcmp(name, "second display") == 0 && say(INIT_DISPLAY_LISTENING, &shown, 1) == -EPERM)
        say(INIT_BOUND, NULL, 0); // the kernel kept it back already (Linux 6.16)
    // From here on the sandbox counts as ready.
    if (strncmp(name, "up, then ", 9) != 0 || say(INIT_DESKTOP_READY, NULL, 0) < 0)
        return;
    if (strcmp(name, "up, then ready") == 0)
        say(INIT_DESKTOP_READY, NULL, 0);
    else if (strcmp(name, "up, then bound") == 0)
        say(INIT_BOUND, NULL, 0);
    else if (strcmp(name, "up, then failed") == 0)
        fail(5);
    else if (strcmp(name, "up, then the display ended") == 0)
        end_display(INT32_MIN);
    else if (strcmp(name, "up, then the display was killed") == 0)
        end_display(SIGKILL);
    else if (strcmp(name, "up, then flood") == 0) {
        while (ipc_send(INIT_CHANNEL_FD, "nonsense", 8, NULL, 0) == 0)
            ;
    }
}

int main(void)
{
    char name[64] = "";
    FILE *file = fopen("/sandbox/desktop/attack", "re");
    if (!file || !fgets(name, sizeof(name), file))
        return EXIT_FAILURE;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    attack(name);
    for (;;)
        pause();
}
