#include "server/clock_step.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "server/clock.h"

#define STEP_MIN_US (2 * SECOND_US) // smaller ones add up until they are one

static int64_t base_now(void)
{
    return clock_wall_us() - clock_monotonic_us();
}

// Never expires: the kernel cancels it when the clock is set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
static int arm(const struct clock_step *clock)
{
    struct itimerspec never = {.it_value.tv_sec = INT32_MAX};
    return timerfd_settime(clock->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno
                                                                                                     : 0;
}

void clock_step_check(struct clock_step *clock)
{
    int64_t base = base_now();
    int64_t step = base - clock->base_us;
    if (step > -STEP_MIN_US && step < STEP_MIN_US)
        return;
    clock->base_us = base;
    clock->stepped(clock->data, step);
}

static void on_set(void *data, uint32_t events)
{
    (void)events;
    struct clock_step *clock = data;
    uint64_t expirations;
    if (read(clock->fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
        return;
    clock_step_check(clock);
    // Without it steps are seen when the clock is used next.
    if (arm(clock) < 0)
        loop_watch_remove(clock->loop, &clock->watch);
}

int clock_step_init(struct clock_step *clock, struct loop *loop, void (*stepped)(void *data, int64_t step_us),
                    void *data)
{
    *clock =
        (struct clock_step){.loop = loop, .fd = -1, .base_us = base_now(), .stepped = stepped, .data = data};
    clock->watch = (struct loop_watch){.fd = -1, .ready = on_set, .data = clock};
    clock->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock->fd < 0)
        return -errno;
    int error = arm(clock);
    return error ? error : loop_watch_add(loop, &clock->watch, clock->fd, EPOLLIN);
}

void clock_step_finish(struct clock_step *clock)
{
    loop_watch_remove(clock->loop, &clock->watch);
    cleanup_fd(&clock->fd);
}
