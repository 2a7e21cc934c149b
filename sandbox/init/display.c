#include "sandbox/init/display.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/init/process.h"

#define FRAMEBUFFER_DIR DISPLAY_DIR "/framebuffer"
#define FRAMEBUFFER_FD 8
#define FRAMEBUFFER_KEPT 4096 // the page with the header
#define LISTEN_FD 3           // SD_LISTEN_FDS_START of the socket activation protocol
#define COOKIE_NAME "MIT-MAGIC-COOKIE-1"
#define FAMILY_WILD 0xffffu

static void write_be16(struct writer *w, uint16_t value)
{
    write_u8(w, (uint8_t)(value >> 8));
    write_u8(w, (uint8_t)value);
}

// An Xauthority entry (Xauth(3)): family, address, display, name, data, each with its length, big-endian. The
// wildcard family holds for every way to this server.
static int write_cookie(const uint8_t cookie[static X_COOKIE_SIZE])
{
    uint8_t buffer[64];
    struct writer w = writer_of(buffer, sizeof(buffer));
    write_be16(&w, FAMILY_WILD);
    write_be16(&w, 0);
    write_be16(&w, 0);
    write_be16(&w, sizeof(COOKIE_NAME) - 1);
    write_bytes(&w, COOKIE_NAME, sizeof(COOKIE_NAME) - 1);
    write_be16(&w, X_COOKIE_SIZE);
    write_bytes(&w, cookie, X_COOKIE_SIZE);
    AUTO_FD int fd = open(DISPLAY_COOKIE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd < 0 ? -errno : write_all(fd, buffer, w.length);
    explicit_bzero(buffer, sizeof(buffer));
    return error;
}

static int make_directories(void)
{
    // The X server opens its framebuffer file by a name of its own making, which leads to the descriptor.
    if (mkdir(DISPLAY_DIR, 0700) < 0 || mkdir(FRAMEBUFFER_DIR, 0700) < 0 ||
        symlink("/proc/self/fd/8", FRAMEBUFFER_DIR "/Xvfb_screen0") < 0 ||
        mkdir("/tmp/.X11-unix", 0700) < 0 || chmod("/tmp/.X11-unix", 01777) < 0)
        return -errno;
    return 0;
}

static int listen_for_clients(int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = DISPLAY_SOCKET};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
        return -errno;
    if (chmod(DISPLAY_SOCKET, 0777) < 0) // the service connects under another uid; the cookie decides
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int display_prepare(const struct init_start_desktop *start, int *ret_listener)
{
    int error = make_directories();
    if (!error)
        error = write_cookie(start->cookie);
    return error ? error : listen_for_clients(ret_listener);
}

int display_open_path(int *ret_fd)
{
    int fd = open(DISPLAY_SOCKET, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

pid_t display_start(const struct init_start_desktop *start, int listener, int framebuffer)
{
    char screen[32];
    snprintf(screen, sizeof(screen), "%ux%ux24", start->width_max, start->height_max);
    const char *const arguments[] = {
        "Xvfb",  ":1",           "-screen",   "0",          screen,      "-fbdir",     FRAMEBUFFER_DIR,
        "-auth", DISPLAY_COOKIE, "-nolisten", "tcp",        "-nocursor", "-noreset",   "-s",
        "0",     "-extension",   "GLX",       "-extension", "DPMS",      "-extension", "XVideo",
        NULL};
    const char *const environment[] = {"LISTEN_FDS=1", "LD_PRELOAD=/sandbox/sandbox-framebuffer.so", NULL};
    const struct passed_fd fds[] = {{listener, LISTEN_FD}, {framebuffer, FRAMEBUFFER_FD}};
    const struct program program = {.arguments = arguments,
                                    .environment = environment,
                                    .fds = fds,
                                    .fd_count = sizeof(fds) / sizeof(fds[0])};
    return process_start(&program);
}

void display_empty(int framebuffer)
{
    struct stat status;
    if (fstat(framebuffer, &status) == 0 && status.st_size > FRAMEBUFFER_KEPT)
        fallocate(framebuffer, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FRAMEBUFFER_KEPT,
                  status.st_size - FRAMEBUFFER_KEPT);
}
