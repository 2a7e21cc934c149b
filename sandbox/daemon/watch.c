#include "sandbox/daemon/watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

int watch_open(struct watch *watch, int epoll, int fd, uint32_t events, watch_fn *ready)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    *watch = (struct watch){.fd = fd, .epoll = epoll, .ready = ready};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    int error = -errno;
    close(fd);
    watch->fd = -1;
    return error;
}

int watch_change(struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(watch->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0 ? -errno : 0;
}

void watch_close(struct watch *watch)
{
    if (watch->fd < 0)
        return;
    // A copy of the descriptor in a child would keep the entry alive past close(2).
    epoll_ctl(watch->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    close(watch->fd);
    watch->fd = -1;
}

int watch_run(int epoll, int timeout_ms)
{
    struct epoll_event event;
    int count = epoll_wait(epoll, &event, 1, timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (count > 0) {
        struct watch *watch = event.data.ptr;
        watch->ready(watch, event.events);
    }
    return count;
}
