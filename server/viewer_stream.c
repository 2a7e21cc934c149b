#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/notices.h"
#include "server/recorder.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewer.h"

#define ATTACH_ANSWER_US (10 * SECOND_US)

// Microseconds before each attempt of a row.
static const int64_t pauses[] = {0, 100000, 200000, 400000, 800000, 1600000, 3200000};
#define ATTEMPTS_MAX (sizeof(pauses) / sizeof(pauses[0]))

static void on_retry(void *data)
{
    struct viewer *viewer = data;
    if (viewer->asked) { // no answer
        viewer->asked = false;
        viewer_stream_lost(viewer);
    } else {
        viewer_attach(viewer);
    }
}

static void schedule(struct viewer *viewer, int64_t after_us)
{
    viewer->retry.fire = on_retry;
    viewer->retry.data = viewer;
    loop_timer_set(viewer->server->loop, &viewer->retry, after_us);
}

// The end of a stream is seen here before sandboxd sees the end of its process.
static bool is_alone(const struct viewer *viewer)
{
    for (const struct viewer *other = viewer->sandbox->viewers; other; other = other->next_of_sandbox) {
        if (other != viewer && (other->stream >= 0 || other->asked))
            return false;
    }
    return true;
}

void viewer_attach(struct viewer *viewer)
{
    if (viewer->asked || viewer->stream >= 0 || viewer->close_code || !viewer->sandbox)
        return;
    // Nobody is shown what is not recorded where it has to be; the recorder attaches everybody once it is.
    if (viewer->sandbox->policy.recording == RECORDING_REQUIRED && !recorder_on(viewer->sandbox)) {
        recorder_start(viewer->sandbox);
        return;
    }
    struct sandboxd_message attach = {
        .kind = SANDBOXD_ATTACH,
        .attach = {.sandbox = viewer->sandbox->row.id,
                   .viewer = viewer->number,
                   .view_only = viewer->up.view_only,
                   .alone = is_alone(viewer)},
    };
    viewer->asked = sandboxes_ready(viewer->server->sandboxes) &&
                    sandboxd_client_send(viewer->server->sandboxd, &attach) == 0;
    if (viewer->asked)
        schedule(viewer, ATTACH_ANSWER_US);
    else
        viewer_stream_lost(viewer);
}

static void on_stream(void *data, uint32_t events);

// A stream that hung up stays readable for its last packets, but epoll would report it for ever: it is not watched then.
static void watch(struct viewer *viewer, bool readable)
{
    struct loop *loop = viewer->server->loop;
    uint32_t events = (readable ? EPOLLIN : 0u) | (viewer->up_waiting ? EPOLLOUT : 0u);
    int error = viewer->watch.fd < 0 ? loop_watch_add(loop, &viewer->watch, viewer->stream, events)
                                     : loop_watch_change(loop, &viewer->watch, events);
    if (error)
        viewer_close(viewer, CLOSE_NO_DISPLAY, "out of memory");
}

void viewer_stream_begin(struct viewer *viewer, int fd)
{
    viewer_stream_end(viewer);
    loop_timer_cancel(&viewer->retry);
    viewer->asked = false;
    if (set_nonblocking(fd) < 0) {
        close(fd);
        viewer_stream_lost(viewer);
        return;
    }
    viewer->stream = fd;
    viewer->attached_us = clock_monotonic_us();
    viewer->watch = (struct loop_watch){.fd = -1, .ready = on_stream, .data = viewer};
    watch(viewer, true);
}

void viewer_stream_end(struct viewer *viewer)
{
    loop_watch_remove(viewer->server->loop, &viewer->watch);
    if (viewer->stream >= 0)
        close(steal_fd(&viewer->stream));
    if (viewer->up_waiting) {
        viewer->up_waiting = false;
        relay_up_reset(&viewer->up);
        lws_rx_flow_control(viewer->wsi, 1);
    }
    // A message that was cut off is ended as soon as the WebSocket takes it.
    viewer->cut = viewer->down.inside;
    if (viewer->cut)
        lws_callback_on_writable(viewer->wsi);
}

// Keys that the old one holds down are released by its end. An ATTACH that is under way was for the old rights.
void viewer_stream_renew(struct viewer *viewer)
{
    if (!viewer->established || !viewer->sandbox)
        return;
    loop_timer_cancel(&viewer->retry);
    viewer_stream_end(viewer);
    viewers_renumber(viewer->viewers, viewer);
    viewer->asked = false;
    viewer->attempts = 0;
    viewer_attach(viewer);
}

void viewer_stream_lost(struct viewer *viewer)
{
    bool had_stream = viewer->stream >= 0;
    viewer_stream_end(viewer);
    if (viewer->close_code || !viewer->sandbox)
        return;
    if (had_stream && clock_monotonic_us() - viewer->attached_us > STREAM_PROVEN_US)
        viewer->attempts = 0;
    if (viewer->attempts >= ATTEMPTS_MAX) {
        viewer_close(viewer, CLOSE_NO_DISPLAY, "the display can't be reached");
        return;
    }
    if (had_stream)
        viewer_notice(viewer, notice_streamer_restarting());
    schedule(viewer, pauses[viewer->attempts++]);
}

// The rest of a message when its streamer died in it: an empty last fragment. The hello of the next streamer begins anew anyway.
static int end_message(struct viewer *viewer)
{
    unsigned char *at = viewer->server->scratch + LWS_PRE;
    viewer->down.inside = viewer->cut = false;
    if (lws_write(viewer->wsi, at, 0, LWS_WRITE_CONTINUATION) < 0)
        return -1;
    lws_callback_on_writable(viewer->wsi);
    return 0;
}

static int write_fragment(struct viewer *viewer, const struct relay_fragment *fragment)
{
    int mode = fragment->first ? LWS_WRITE_BINARY : LWS_WRITE_CONTINUATION;
    if (!fragment->last)
        mode |= LWS_WRITE_NO_FIN;
    metrics_add(&viewer->server->metrics, METRIC_BYTES_TO_BROWSERS, fragment->length);
    if (viewer->sandbox)
        viewer->sandbox->traffic.to_browsers += fragment->length;
    if (lws_write(viewer->wsi, (unsigned char *)fragment->data, fragment->length,
                  (enum lws_write_protocol)mode) < 0)
        return -1;
    lws_callback_on_writable(viewer->wsi);
    return 0;
}

static int take_report(struct viewer *viewer, const uint8_t *packet, size_t length)
{
    struct stream_report report;
    int error = relay_down_report(&viewer->down, packet, length, &report);
    if (error)
        return error;
    metrics_stream(&viewer->server->metrics, &report);
    struct sandbox_traffic *traffic = viewer->sandbox ? &viewer->sandbox->traffic : NULL;
    for (unsigned i = 0; traffic && i < STREAM_REPORT_BUCKETS; i++) {
        traffic->updates += report.encode.buckets[i]; // one for each
        traffic->inputs += report.input.buckets[i];
    }
    if (traffic)
        traffic->input_us += report.input.sum_us;
    lws_callback_on_writable(viewer->wsi);
    return 0;
}

int viewer_stream_relay(struct viewer *viewer)
{
    if (viewer->cut)
        return end_message(viewer);
    if (viewer->stream < 0)
        return 0;
    // The flag byte lies where libwebsockets puts the frame's header next.
    uint8_t *packet_bytes = viewer->server->scratch + LWS_PRE - 1;
    AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
    int error = ipc_receive(viewer->stream, packet_bytes, STREAM_PACKET_MAX, &packet);
    if (error == -EAGAIN) {
        watch(viewer, true);
        return 0;
    }
    struct relay_fragment fragment;
    bool reports =
        !error && packet.fd_count == 0 && packet.length > 0 && packet_bytes[0] == STREAM_PACKET_REPORT;
    if (reports)
        error = take_report(viewer, packet_bytes, packet.length);
    else if (!error && packet.fd_count == 0)
        error = relay_down_packet(&viewer->down, packet_bytes, packet.length, &fragment);
    else if (!error)
        error = -EPROTO;
    if (!error)
        return reports ? 0 : write_fragment(viewer, &fragment);
    if (error != -ECONNRESET)
        log_warning("A streamer broke the stream's rules and is dropped", {"error", strerror(-error)});
    viewer_stream_lost(viewer);
    return 0;
}

void viewer_stream_send(struct viewer *viewer)
{
    if (viewer->stream < 0) { // meant for a streamer that is gone
        relay_up_reset(&viewer->up);
        return;
    }
    int error = ipc_send(viewer->stream, viewer->up.packet, viewer->up.length + 1, NULL, 0);
    if (error == -EAGAIN && !viewer->up_waiting) {
        viewer->up_waiting = true;
        lws_rx_flow_control(viewer->wsi, 0);
        watch(viewer, viewer->watch.events & EPOLLIN);
    }
    if (error == -EAGAIN)
        return;
    relay_up_reset(&viewer->up);
    if (viewer->up_waiting) {
        viewer->up_waiting = false;
        watch(viewer, viewer->watch.events & EPOLLIN);
        lws_rx_flow_control(viewer->wsi, 1);
    }
}

static void on_stream(void *data, uint32_t events)
{
    struct viewer *viewer = data;
    if (events & (EPOLLHUP | EPOLLERR))
        loop_watch_remove(viewer->server->loop, &viewer->watch);
    else if (events & EPOLLIN)
        watch(viewer, false);
    if ((events & EPOLLOUT) && viewer->up_waiting && !(events & EPOLLHUP))
        viewer_stream_send(viewer);
    lws_callback_on_writable(viewer->wsi);
}
