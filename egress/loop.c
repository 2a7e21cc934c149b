#include "egress/loop.h"

#include <errno.h>
#include <unistd.h>

int loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll < 0 ? -errno : 0;
}

void loop_finish(struct loop *loop)
{
    close(loop->epoll);
    loop->epoll = -1;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

int loop_run(struct loop *loop)
{
    while (!loop->stopped) {
        int count = epoll_wait(loop->epoll, loop->batch, LOOP_BATCH, -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        loop->count = count > 0 ? count : 0;
        for (loop->next = 0; loop->next < loop->count && !loop->stopped;) {
            struct epoll_event *event = &loop->batch[loop->next++];
            struct watch *watch = event->data.ptr;
            if (watch)
                watch->ready(watch, event->events);
        }
        loop->count = 0;
    }
    return 0;
}

static void forget_events(struct loop *loop, const struct watch *watch)
{
    for (int i = loop->next; i < loop->count; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

int loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
    if (events == watch->events)
        return 0;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int operation = EPOLL_CTL_MOD;
    if (events == 0)
        operation = EPOLL_CTL_DEL;
    else if (watch->events == 0)
        operation = EPOLL_CTL_ADD;
    if (epoll_ctl(loop->epoll, operation, watch->fd, &event) < 0)
        return -errno;
    if (events == 0)
        forget_events(loop, watch);
    watch->events = events;
    return 0;
}

void loop_close(struct loop *loop, struct watch *watch)
{
    if (watch->fd < 0)
        return;
    if (watch->events)
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    forget_events(loop, watch);
    close(watch->fd);
    watch->fd = -1;
    watch->events = 0;
}
