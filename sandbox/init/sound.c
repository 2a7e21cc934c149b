#include "sandbox/init/sound.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/init/process.h"
#include "sandbox/init/session.h"

// PULSE_SERVER of plan/tables.c.
#define SERVER_DIR "/run/user/1000/pulse"
#define SERVER_SOCKET SERVER_DIR "/native"
#define SERVER_PROGRAM "/usr/bin/pulseaudio"
#define RECORDER_PROGRAM "/sandbox/sandbox-sound"

#define LISTEN_FD 3   // SD_LISTEN_FDS_START of the socket activation protocol
#define RECORDER_FD 3 // SOUND_FD of sandbox/sound/
#define SCORE_SOUND 50

// A server or recorder that ends again and again is given up until the window is over.
#define STARTS_MAX 20
#define WINDOW_MS 30000u

static const char *const server[] = {SERVER_PROGRAM,
                                     "-n",
                                     "--daemonize=no",
                                     "--use-pid-file=no",
                                     "--realtime=no",
                                     "--high-priority=no",
                                     "--log-target=stderr",
                                     "--exit-idle-time=20",
                                     "-F",
                                     SESSION_DESKTOP_DIR "/sound",
                                     NULL};
// It asks for nothing on a bus, and none shall be started for it.
static const char *const server_environment[] = {"LISTEN_FDS=1", "DBUS_SESSION_BUS_ADDRESS=disabled:", NULL};
static const char *const recorder[] = {RECORDER_PROGRAM, NULL};
static const char *const recorder_again[] = {RECORDER_PROGRAM, "again", NULL};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// 0 when another start is permitted, else milliseconds until one is.
static int starts_wait(struct sound_starts *starts)
{
    uint64_t passed = now_ms() - starts->window_ms;
    if (passed > WINDOW_MS)
        *starts = (struct sound_starts){.window_ms = now_ms()};
    return starts->count < STARTS_MAX ? 0 : (int)(WINDOW_MS - passed) + 1;
}

static pid_t start(struct sound_starts *starts, const struct program *program)
{
    starts->count++;
    pid_t pid = process_start(program);
    return pid < 0 ? 0 : pid; // it is tried again, within the permitted number
}

static int listen_for_programs(int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SERVER_SOCKET};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || mkdir(SERVER_DIR, 0700) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 64) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

void sound_init(struct sound *sound)
{
    *sound = (struct sound){.listener = -1};
    for (size_t i = 0; i < VIEWER_MAX; i++)
        sound->viewers[i].socket = -1;
    if (access(SERVER_PROGRAM, X_OK) == 0)
        listen_for_programs(&sound->listener);
}

void sound_add(struct sound *sound, int socket)
{
    for (size_t i = 0; i < VIEWER_MAX; i++) {
        if (sound->viewers[i].socket < 0) {
            sound->viewers[i] = (struct sound_viewer){.socket = socket};
            return;
        }
    }
    close(socket);
}

static void start_server(struct sound *sound)
{
    const struct passed_fd fds[] = {{sound->listener, LISTEN_FD}};
    const struct program program = {.arguments = server,
                                    .environment = server_environment,
                                    .fds = fds,
                                    .fd_count = 1,
                                    .out_of_memory_score = SCORE_SOUND};
    sound->server = start(&sound->starts, &program);
}

static void start_recorder(struct sound_viewer *viewer)
{
    const struct passed_fd fds[] = {{viewer->socket, RECORDER_FD}};
    const struct program program = {.arguments = viewer->listens ? recorder_again : recorder,
                                    .fds = fds,
                                    .fd_count = 1,
                                    .out_of_memory_score = SCORE_SOUND};
    viewer->recorder = start(&viewer->starts, &program);
    viewer->listens &= viewer->recorder == 0;
}

static int sooner(int a, int b)
{
    return b == 0 || (a >= 0 && a < b) ? a : b;
}

int sound_prepare(struct sound *sound, struct pollfd *polls)
{
    int wait = starts_wait(&sound->starts), timeout = sooner(-1, sound->server ? 0 : wait);
    polls[0] =
        (struct pollfd){.fd = sound->server == 0 && wait == 0 ? sound->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < VIEWER_MAX; i++) {
        struct sound_viewer *viewer = &sound->viewers[i];
        polls[1 + i] = (struct pollfd){.fd = viewer->socket}; // its end is told in any case
        // A recorder without a server would start one that nobody plays to.
        if (viewer->socket < 0 || viewer->recorder || sound->server == 0)
            continue;
        wait = starts_wait(&viewer->starts);
        timeout = sooner(timeout, wait);
        if (wait == 0 && viewer->listens)
            start_recorder(viewer);
        if (wait == 0 && !viewer->recorder)
            polls[1 + i].events = POLLIN;
    }
    return timeout;
}

void sound_heed(struct sound *sound, const struct pollfd *polls)
{
    if (polls[0].revents)
        start_server(sound);
    for (size_t i = 0; i < VIEWER_MAX; i++) {
        struct sound_viewer *viewer = &sound->viewers[i];
        if (polls[1 + i].fd < 0 || polls[1 + i].fd != viewer->socket)
            continue;
        if (polls[1 + i].revents & ~POLLIN) { // the recorder, if there is one, sees it too
            close(viewer->socket);
            *viewer = (struct sound_viewer){.socket = -1};
        } else if (polls[1 + i].revents) {
            start_recorder(viewer);
        }
    }
}

void sound_child_ended(struct sound *sound, pid_t pid, int status)
{
    if (pid == sound->server)
        sound->server = 0;
    for (size_t i = 0; i < VIEWER_MAX; i++) {
        struct sound_viewer *viewer = &sound->viewers[i];
        if (viewer->socket < 0 || viewer->recorder != pid)
            continue;
        viewer->recorder = 0;
        viewer->listens = status != 0; // while its viewer listened
    }
}
