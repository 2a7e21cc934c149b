#include "sandbox/life/desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/streamer_channel.h"

static int make_framebuffer(size_t size, int *ret_fd)
{
    AUTO_FD int fd = memfd_create("framebuffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    if (fchmod(fd, 0666) < 0) // the X server opens it again under another uid; nothing in it is executed
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int desktop_init(struct desktop *desktop, const struct settings *settings)
{
    struct desktop made = {.width_max = settings->width_max,
                           .height_max = settings->height_max,
                           .width = settings->width,
                           .height = settings->height,
                           .framebuffer = -1,
                           .display = -1};
    if (getrandom(made.cookie, sizeof(made.cookie), 0) != sizeof(made.cookie))
        return -EIO;
    int error = make_framebuffer(framebuffer_size(made.width_max, made.height_max), &made.framebuffer);
    if (!error)
        *desktop = made;
    return error;
}

void desktop_finish(struct desktop *desktop)
{
    cleanup_fd(&desktop->framebuffer);
    cleanup_fd(&desktop->display);
    desktop->framebuffer = desktop->display = -1;
    explicit_bzero(desktop->cookie, sizeof(desktop->cookie));
}

int desktop_send_start(const struct desktop *desktop, int channel, bool parked)
{
    struct init_message message = {.kind = INIT_START_DESKTOP,
                                   .start_desktop = {.width_max = desktop->width_max,
                                                     .height_max = desktop->height_max,
                                                     .width = desktop->width,
                                                     .height = desktop->height,
                                                     .parked = parked}};
    memcpy(message.start_desktop.cookie, desktop->cookie, sizeof(desktop->cookie));
    int error = init_message_send(channel, &message, INIT_SIDE_SANDBOXD, desktop->framebuffer);
    explicit_bzero(&message, sizeof(message));
    return error;
}

int desktop_take_display(struct desktop *desktop, int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    if (desktop->display >= 0 || flags < 0 || !(flags & O_PATH) || fstat(fd, &status) < 0 ||
        !S_ISSOCK(status.st_mode))
        return -EPROTO;
    desktop->display = fd;
    return 0;
}

int desktop_connect(const struct desktop *desktop, int *ret_fd)
{
    if (desktop->display < 0)
        return -ENOTCONN;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", desktop->display);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    if (fcntl(fd, F_SETFL, 0) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int desktop_open_framebuffer(const struct desktop *desktop, int *ret_fd)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", desktop->framebuffer);
    int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a lease that the sandbox took would make it wait
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}
