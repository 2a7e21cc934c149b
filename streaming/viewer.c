#include "streaming/viewer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/wire.h"
#include "streaming/clock.h"
#include "streaming/viewer_private.h"
#include "streaming/watchdog.h"

#define PASSES_PER_TURN 16
// Kept small so that stale frames do not pile up; the kernel doubles it for its own bookkeeping.
#define STREAM_SEND_BUFFER ((int)STREAM_PACKET_MAX)

static int watch(struct viewer *v, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(v->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

static int set_timer(struct viewer *v, uint64_t wake_us)
{
    if (wake_us == v->wake_us)
        return 0;
    struct itimerspec when = {0}; // disarmed
    if (wake_us != NEVER) {
        when.it_value.tv_sec = (time_t)(wake_us / 1000000);
        when.it_value.tv_nsec = (long)(wake_us % 1000000 * 1000) + 1; // never 0, which would disarm it
    }
    if (timerfd_settime(v->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        return -errno;
    v->wake_us = wake_us;
    return 0;
}

// Decides what to do next and when to wake up.
static int plan(struct viewer *v)
{
    uint64_t now_us = clock_us();
    uint64_t wake_us = NEVER;
    typing_advance(&v->input.typing, now_us);
    uint64_t resize_us = resize_advance(&v->resize, now_us);
    uint64_t clipboard_us = clipboard_advance(&v->clipboard, now_us);
    uint64_t pointer_us = pointer_advance(&v->pointer, &v->input, now_us);
    if (outbox_empty(&v->outbox)) {
        uint32_t before = v->update.sequence;
        uint64_t follow_us = NEVER;
        int error = viewer_follow_size(v, now_us, &follow_us);
        if (!error)
            error = viewer_make_update(v, now_us, &wake_us);
        resize_us = earlier(resize_us, follow_us);
        if (error)
            return viewer_fail(v, error, "the encoder failed");
        if (v->update.sequence != before)
            statistics_sent(&v->update.statistics, now_us, v->update.sequence);
        if (v->update.sequence != before && statistics_due(&v->update.statistics, now_us) &&
            viewer_reports_put(v, now_us))
            return viewer_fail(v, -EMSGSIZE, "the outbox is full");
        if (v->cursor.changed && !v->cursor.requested) {
            if (v->cursor.next_us <= now_us)
                cursor_request(&v->cursor, &v->display, now_us);
            else
                wake_us = earlier(wake_us, v->cursor.next_us);
        }
        if (pointer_put(&v->pointer, &v->input, &v->outbox, &v->update.grid))
            return viewer_fail(v, -EMSGSIZE, "the outbox is full");
    }
    if (outbox_empty(&v->outbox) &&
        clipboard_put(&v->clipboard, &v->outbox, now_us)) // whatever else there is goes first
        return viewer_fail(v, -EMSGSIZE, "the outbox is full");
    wake_us = earlier(wake_us, earlier(resize_us, clipboard_us));
    wake_us = earlier(wake_us, earlier(pointer_us, v->sound.wake_us));
    if (typing_waits(&v->input.typing))
        wake_us = earlier(wake_us, typing_waits(&v->input.typing));
    xcb_flush(v->display.connection);
    return viewer_fail(v, set_timer(v, wake_us), "the timer failed");
}

static int send_stream(struct viewer *v)
{
    int error = outbox_send(&v->outbox, v->stream);
    if (error == -EPIPE) {
        v->left = true;
        return 0;
    }
    if (error && error != -EAGAIN)
        return viewer_fail(v, error, "the stream failed");
    uint32_t interest = (viewer_messages_heard(v) ? EPOLLIN : 0u) | (error == -EAGAIN ? EPOLLOUT : 0u);
    if (interest == v->interest)
        return 0;
    v->interest = interest;
    return viewer_fail(v, watch(v, EPOLL_CTL_MOD, v->stream, interest), "epoll failed");
}

// Whether the recorder is heard is a matter of the viewer and of what it has told already. Its end is told in any case.
static int hear_sound(struct viewer *v)
{
    if (v->sound.wake_us <= clock_us())
        sound_read(&v->sound, &v->outbox, clock_us());
    uint32_t interest = v->sound.heard ? EPOLLIN : 0;
    if (v->sound.socket < 0 || interest == v->sound_interest) // a closed socket has left epoll by itself
        return 0;
    v->sound_interest = interest;
    return viewer_fail(v, watch(v, EPOLL_CTL_MOD, v->sound.socket, interest), "epoll failed");
}

// Works until there is nothing to do but wait, or long enough for the viewer to be heard again: an X server
// that always has something to say is not the only one. ret_more: there may be more to do.
static int turn(struct viewer *v, bool *ret_more)
{
    bool progress = true;
    for (int pass = 0; progress && pass < PASSES_PER_TURN && !v->left; pass++) {
        int error = hear_sound(v);
        if (!error)
            error = plan(v);
        bool sends = !outbox_empty(&v->outbox);
        if (!error)
            error = send_stream(v);
        // Last, so that nothing read by libxcb meanwhile is slept over.
        if (!error)
            error = viewer_read_display(v, &progress);
        if (error)
            return error;
        // An outbox that has emptied may be what the next update waited for.
        progress |= sends && outbox_empty(&v->outbox);
    }
    *ret_more = progress;
    return 0;
}

static int wait_for_events(struct viewer *v, int timeout_ms)
{
    struct epoll_event events[4];
    int count;
    watchdog_pause();
    do {
        count = epoll_wait(v->epoll, events, 4, timeout_ms);
    } while (count < 0 && errno == EINTR);
    watchdog_start();
    if (count < 0)
        return viewer_fail(v, -errno, "epoll failed");
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == v->timer)
            v->wake_us = NEVER; // it has rung: whoever needs it sets it anew
        if (events[i].data.fd == v->sound.socket)
            sound_read(&v->sound, &v->outbox, clock_us());
        if (events[i].data.fd == v->stream && (events[i].events & ~(uint32_t)EPOLLOUT)) {
            int error = viewer_messages_read(v);
            if (error)
                return error;
            v->left |= (events[i].events & (EPOLLHUP | EPOLLERR)) && !viewer_messages_heard(v);
        }
    }
    return 0;
}

static int serve(struct viewer *v)
{
    struct writer w = outbox_begin(&v->outbox);
    wire_write_hello(&w, v->update.grid.width, v->update.grid.height, (uint16_t)v->start->framerate,
                     v->update.video.codec);
    int error = outbox_end(&v->outbox, &w);
    if (!error)
        error = clipboard_put_policy(&v->clipboard, &v->outbox);
    path_greeted(&v->update.pace.path, clock_us());
    while (!error && !v->left) {
        bool more = false;
        error = turn(v, &more);
        if (!error && !v->left)
            error = wait_for_events(v, more ? 0 : -1);
    }
    return error;
}

// Lets go of what the viewer held, and waits until the server has done it: closing the connection may
// overtake it otherwise.
static void leave(struct viewer *v)
{
    input_release_all(&v->input);
    display_synchronise(&v->display);
}

int viewer_serve(struct viewer *v, int display, const char **ret_problem)
{
    watchdog_start();
    *ret_problem = "the X connection could not be set up";
    int error = display_init(&v->display, display, v->start, ret_problem);
    if (error)
        return error;
    *ret_problem = "the X server lacks XKB or sent an impossible keyboard map";
    error = input_init(&v->input, &v->display, v->start->alone);
    if (error)
        return error;
    *ret_problem = "the X server sent impossible sizes";
    error = resize_init(&v->resize, &v->display, v->start);
    if (error)
        return error;
    v->resize.changed = false;
    *ret_problem = "the encoder could not be made for the display's size";
    error = update_resize(&v->update, v->resize.width, v->resize.height);
    if (error)
        return error;
    *ret_problem = "the X server sent impossible atoms";
    error = clipboard_init(&v->clipboard, &v->display, v->start);
    if (error)
        return error;
    *ret_problem = "the X server sent an impossible list of counters";
    error = pointer_init(&v->pointer, &v->display);
    if (error)
        return error;
    damage_init(&v->damage, &v->display);
    cursor_init(&v->cursor, &v->display);
    *ret_problem = "epoll failed";
    error = watch(v, EPOLL_CTL_ADD, display, EPOLLIN);
    if (error)
        return error;
    error = serve(v);
    *ret_problem = v->problem ? v->problem : "the stream could not be started";
    watchdog_start();
    leave(v);
    watchdog_pause();
    return error;
}

static void cleanup_viewer(struct viewer **v)
{
    viewer_free(*v);
}

void viewer_free(struct viewer *v)
{
    if (!v)
        return;
    clipboard_finish(&v->clipboard);
    display_finish(&v->display);
    sound_finish(&v->sound);
    update_finish(&v->update);
    outbox_finish(&v->outbox);
    cleanup_fd(&v->epoll);
    cleanup_fd(&v->timer);
    free(v);
}

static int open_loop(struct viewer *v)
{
    v->epoll = epoll_create1(EPOLL_CLOEXEC);
    v->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (v->epoll < 0 || v->timer < 0)
        return -errno;
    int size = STREAM_SEND_BUFFER;
    if (setsockopt(v->stream, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
        return -errno;
    int error = set_nonblocking(v->stream);
    if (error)
        return error;
    v->interest = EPOLLIN;
    error = watch(v, EPOLL_CTL_ADD, v->stream, EPOLLIN);
    // Edge-triggered: a timer that has rung is not read, and would keep the loop awake until it is set again.
    return error ? error : watch(v, EPOLL_CTL_ADD, v->timer, EPOLLIN | EPOLLET);
}

int viewer_take_sound(struct viewer *v, int socket)
{
    int error = sound_init(&v->sound, socket);
    return error ? error : watch(v, EPOLL_CTL_ADD, socket, 0);
}

int viewer_new(const struct streamer_start *start, int stream, int framebuffer, struct viewer **ret_viewer,
               const char **ret_problem)
{
    CLEANUP(cleanup_viewer) struct viewer *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->start = start;
    v->stream = stream;
    v->epoll = v->timer = v->sound.socket = -1;
    v->sound.wake_us = NEVER;
    v->wake_us = NEVER;
    *ret_problem = "the event loop could not be made";
    int error = open_loop(v);
    if (error)
        return error;
    *ret_problem = "no memory";
    error = outbox_init(&v->outbox);
    if (error)
        return error;
    *ret_problem = "the framebuffer or the encoder's settings are wrong";
    error = update_init(&v->update, start, framebuffer, &v->outbox);
    if (error)
        return error;
    *ret_viewer = steal_pointer(&v);
    return 0;
}
