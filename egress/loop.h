#pragma once
// The event loop: one epoll set, level-triggered.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_BATCH 64
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct watch;
typedef void watch_fn(struct watch *watch, uint32_t events);

// A watched descriptor, embedded in the object that owns both. It must not move while it is watched.
struct watch {
    int fd;          // -1: closed
    uint32_t events; // 0: not in the epoll set, so that a hang-up nobody waits for does not spin
    watch_fn *ready;
};

#define WATCH_CLOSED                                                                                         \
    {                                                                                                        \
        .fd = -1                                                                                             \
    }

struct loop {
    int epoll;
    struct epoll_event batch[LOOP_BATCH];
    int count, next;
    bool stopped;
};

// 0 or -errno.
int loop_init(struct loop *loop);
void loop_finish(struct loop *loop);
// Until loop_stop: 0; -errno when epoll fails.
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

// Sets what is waited for; 0 waits for nothing. -errno.
int loop_watch(struct loop *loop, struct watch *watch, uint32_t events);
// Closes the descriptor; no event of it is delivered afterwards. Also for a closed one.
void loop_close(struct loop *loop, struct watch *watch);
