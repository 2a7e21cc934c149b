#include "egress/deadlines.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void arm(struct deadlines *deadlines, uint64_t due)
{
    struct itimerspec at = {
        .it_value = {.tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000}};
    // It can only fail for a wrong time or descriptor.
    if (timerfd_settime(deadlines->timer.fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
        abort();
    deadlines->armed = due;
}

static void arm_earliest(struct deadlines *deadlines)
{
    uint64_t earliest = 0;
    for (int kind = 0; kind < DEADLINE_KIND_COUNT; kind++) {
        const struct deadline *list = &deadlines->lists[kind];
        if (list->next != list && (earliest == 0 || list->next->due < earliest))
            earliest = list->next->due;
    }
    if (earliest)
        arm(deadlines, earliest);
}

static void on_timer(struct watch *watch, uint32_t events)
{
    struct deadlines *deadlines = CONTAINER_OF(watch, struct deadlines, timer);
    uint64_t count, now = clock_ms();
    (void)events;
    if (read(watch->fd, &count, sizeof(count)) < 0)
        return;
    deadlines->armed = 0;
    for (int kind = 0; kind < DEADLINE_KIND_COUNT; kind++) {
        struct deadline *list = &deadlines->lists[kind];
        while (list->next != list && list->next->due <= now) {
            struct deadline *deadline = list->next;
            deadline_clear(deadline);
            deadline->expired(deadline);
        }
    }
    arm_earliest(deadlines);
}

int deadlines_init(struct deadlines *deadlines, struct loop *loop,
                   const uint32_t lengths[DEADLINE_KIND_COUNT])
{
    *deadlines = (struct deadlines){.loop = loop};
    for (int kind = 0; kind < DEADLINE_KIND_COUNT; kind++) {
        struct deadline *list = &deadlines->lists[kind];
        list->next = list->previous = list;
        deadlines->lengths[kind] = lengths[kind];
    }
    deadlines->timer =
        (struct watch){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .ready = on_timer};
    if (deadlines->timer.fd < 0)
        return -errno;
    return loop_watch(loop, &deadlines->timer, EPOLLIN);
}

void deadlines_finish(struct deadlines *deadlines)
{
    loop_close(deadlines->loop, &deadlines->timer);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, enum deadline_kind kind)
{
    struct deadline *list = &deadlines->lists[kind];
    deadline_clear(deadline);
    deadline->kind = kind;
    deadline->due = clock_ms() + deadlines->lengths[kind];
    deadline->next = list;
    deadline->previous = list->previous;
    list->previous->next = deadline;
    list->previous = deadline;
    if (deadlines->armed == 0 || deadline->due < deadlines->armed)
        arm(deadlines, deadline->due);
}

void deadline_clear(struct deadline *deadline)
{
    if (!deadline->next)
        return;
    deadline->next->previous = deadline->previous;
    deadline->previous->next = deadline->next;
    deadline->next = deadline->previous = NULL;
}
