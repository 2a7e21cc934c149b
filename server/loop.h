#pragma once
// The one event loop: libwebsockets serves HTTP and WebSockets, and everything else hangs on an epoll set that libwebsockets sees as one
// descriptor. Raw descriptors adopted one by one would be closed by libwebsockets, lose a write request made inside a write callback, and
// be closed on a hang-up before their last packets are read (4.1.6).
//
// Single-threaded: nothing here may be called from a worker.

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_shape {
    const struct lws_protocols *protocols; // ended by an entry without a name; the first one is the HTTP one
    const struct lws_protocol_vhost_options
        *headers; // of the answers that libwebsockets makes itself; outlive the loop
    unsigned connection_maximum;
};

// NULL on failure.
struct loop *loop_new(const struct loop_shape *shape);
void loop_free(struct loop *loop);

// Serves until loop_stop, and again when called again. 0 or -errno.
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

// Gives a connected socket to the HTTP protocol, with the pointer that lws_get_opaque_user_data returns. The socket is the loop's from
// here on, also on failure (NULL).
struct lws *loop_adopt_http(struct loop *loop, int fd, void *opaque);

// A descriptor that is watched. It stays the caller's. The structure must not move while it is watched.
struct loop_watch {
    int fd; // -1: not watched
    uint32_t events;
    void (*ready)(void *data, uint32_t events); // EPOLL* bits
    void *data;
};

#define LOOP_WATCH_NONE                                                                                      \
    {                                                                                                        \
        .fd = -1                                                                                             \
    }

int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events);
int loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t events);
// Also for one that is not watched. No event of it is delivered afterwards. Call it before closing the descriptor.
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

// A timer that fires once. Zero-initialised: not set. Must be cancelled before its memory goes.
struct loop_timer {
    lws_sorted_usec_list_t sul;
    void (*fire)(void *data);
    void *data;
};

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_us);
void loop_timer_cancel(struct loop_timer *timer);
