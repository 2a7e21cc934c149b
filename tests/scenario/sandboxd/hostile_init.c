// Pid 1 of a sandbox that was taken over: says to sandboxd what the file "attack" of the desktop's directory asks for.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
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

static void send_nonsense(void)
{
    ipc_send(INIT_CHANNEL_FD, "nonsense", 8, NULL, 0);
}

static void send_large(void)
{
    static const char large[4096] = {INIT_DESKTOP_READY};
    ipc_send(INIT_CHANNEL_FD, large, sizeof(large), NULL, 0);
}

static void send_short(void)
{
    static const char kind = INIT_DESKTOP_READY;
    ipc_send(INIT_CHANNEL_FD, &kind, 1, NULL, 0);
}

static void fail_in_the_middle(void)
{
    fail(5);
}

static void end_display_oddly(void)
{
    end_display(INT32_MIN);
}

static void kill_display(void)
{
    end_display(SIGKILL);
}

static void flood(void)
{
    while (ipc_send(INIT_CHANNEL_FD, "nonsense", 8, NULL, 0) == 0)
        ;
}

// A message of a kind that is not its turn, or with descriptors that are not its own.
static const struct wrong {
    const char *name;
    uint32_t kind;
    enum { NOTHING, DEVICE, PATH_OF_DEVICE, SOCKET, TWO_DISPLAYS } carries;
} wrong[] = {
    {"no display", INIT_DISPLAY_LISTENING, NOTHING},
    {"display is a device", INIT_DISPLAY_LISTENING, DEVICE},
    {"display is a path to a device", INIT_DISPLAY_LISTENING, PATH_OF_DEVICE},
    {"display is a socket", INIT_DISPLAY_LISTENING, SOCKET},
    {"two displays at once", INIT_DISPLAY_LISTENING, TWO_DISPLAYS},
    {"ready without display", INIT_DESKTOP_READY, NOTHING},
    {"ready with a descriptor", INIT_DESKTOP_READY, DEVICE},
    {"bound", INIT_BOUND, NOTHING},
    {"told to start", INIT_START_DESKTOP, DEVICE},
    {"told to bind", INIT_BIND, NOTHING},
    {"told to run", INIT_RUN, NOTHING},
    {"told to sound", INIT_SOUND, DEVICE},
};

static const struct act {
    const char *name;
    void (*run)(void);
} at_once[] =
    {
        {"nonsense", send_nonsense},
        {"large", send_large},
        {"short", send_short},
        {"wrong stage", stop_short},
        {"failed in the middle", fail_in_the_middle},
},
  when_up[] = {
      {"up, then failed", fail_in_the_middle},
      {"up, then the display ended", end_display_oddly},
      {"up, then the display was killed", kill_display},
      {"up, then flood", flood},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool run_one_of(const struct act *acts, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(acts[i].name, name) == 0) {
            acts[i].run();
            return true;
        }
    }
    return false;
}

static bool say_wrong(const char *name, int shown)
{
    const int device = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int path = open("/dev/null", O_PATH | O_CLOEXEC);
    const int real = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int both[] = {shown, shown};
    const struct {
        const int *fds;
        size_t count;
    } carried[] = {
        [NOTHING] = {NULL, 0}, [DEVICE] = {&device, 1},    [PATH_OF_DEVICE] = {&path, 1},
        [SOCKET] = {&real, 1}, [TWO_DISPLAYS] = {both, 2},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (strcmp(wrong[i].name, name) == 0) {
            say(wrong[i].kind, carried[wrong[i].carries].fds, carried[wrong[i].carries].count);
            return true;
        }
    }
    return false;
}

static void attack(const char *name)
{
    int shown = display();
    if (run_one_of(at_once, COUNT(at_once), name) || say_wrong(name, shown) ||
        say(INIT_DISPLAY_LISTENING, &shown, 1) < 0)
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
    else
        run_one_of(when_up, COUNT(when_up), name);
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
