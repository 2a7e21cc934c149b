#pragma once
// A descriptor in the daemon's epoll loop, embedded in the object that owns it.

#include <stddef.h>
#include <stdint.h>

struct watch;
typedef void watch_fn(struct watch *watch, uint32_t events);

struct watch {
    int fd; // owned; -1: closed
    int epoll;
    watch_fn *ready;
};

#define WATCH_CLOSED                                                                                         \
    {                                                                                                        \
        .fd = -1, .epoll = -1                                                                                \
    }
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

// Takes the descriptor, also on failure. The watch must not move while it is open.
int watch_open(struct watch *watch, int epoll, int fd, uint32_t events, watch_fn *ready);
int watch_change(struct watch *watch, uint32_t events);
void watch_close(struct watch *watch);
// Runs the handler of one event. -1 as timeout waits for ever. The one event at a time lets a handler free
// any other object. 1, or 0 when there was none, or -errno.
int watch_run(int epoll, int timeout_ms);
