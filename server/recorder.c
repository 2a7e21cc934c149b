#include "server/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/recorder_stream.h"
#include "server/relay.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewer.h"

#define FLUSH_US SECOND_US // what a crash of this program may cost
#define ATTEMPTS_MAX 7

struct recorder {
    struct server *server;
    struct sandbox *sandbox;
    struct recorder *next; // of all
    struct recording_writer *writer;
    bool begun; // the file is there

    uint64_t number; // of its streamer
    struct recorder_stream stream;
    struct loop_watch watch;
    struct loop_timer timer;
    bool flush_due; // the timer is set for it
    bool asked;
    unsigned attempts;
    int64_t attached_us;
    bool on;
};

bool recorder_on(const struct sandbox *sandbox)
{
    return sandbox->recorder && sandbox->recorder->on;
}

static void tell_viewers(struct sandbox *sandbox)
{
    for (struct viewer *viewer = sandbox->viewers; viewer; viewer = viewer->next_of_sandbox) {
        viewer_tell(viewer, TELL_RECORDING);
        if (viewer->established && sandbox->recorder)
            viewer_attach(viewer);
    }
}

static void drop_stream(struct recorder *recorder)
{
    loop_timer_cancel(&recorder->timer);
    loop_watch_remove(recorder->server->loop, &recorder->watch);
    recorder_stream_end(&recorder->stream);
    recorder->asked = recorder->flush_due = false;
}

// What was taken is still written.
static void free_recorder(struct recorder *recorder)
{
    struct recorder **link = &recorder->server->recorders;
    while (*link != recorder)
        link = &(*link)->next;
    *link = recorder->next;
    recorder->sandbox->recorder = NULL;
    drop_stream(recorder);
    recording_writer_close(recorder->writer);
    free(recorder);
}

static void fail(struct recorder *recorder, const char *why)
{
    struct sandbox *sandbox = recorder->sandbox;
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    bool required = sandbox->policy.recording == RECORDING_REQUIRED;
    log_error("A recording has failed; look at the space in RECORDINGS_DIR and at RECORDING_QUOTA_MB",
              {"sandbox", id}, {"reason", why}, {"viewers", required ? "closed" : "told"});
    free_recorder(recorder);
    sandbox->recording_failed = true;
    for (struct viewer *viewer = sandbox->viewers; required && viewer; viewer = viewer->next_of_sandbox)
        viewer_close(viewer, CLOSE_NOT_RECORDED, "the recording that is required can't be written");
    tell_viewers(sandbox);
}

static void attach(struct recorder *recorder);
static bool watch(struct recorder *recorder);

static void on_written(void *data)
{
    struct recorder *recorder = data;
    bool begun = recorder->begun;
    recorder->begun = true;
    if (!begun)
        attach(recorder);
    else if (recorder->stream.fd >= 0 && !recording_writer_full(recorder->writer))
        (void)watch(recorder);
}

static void on_failed(void *data, int error)
{
    fail(data, strerror(-error));
}

static const struct recording_writer_events writer_events = {on_written, on_failed};

static void schedule(struct recorder *recorder, int64_t after_us)
{
    recorder->flush_due = false;
    loop_timer_set(recorder->server->loop, &recorder->timer, after_us);
}

// However much comes meanwhile, it is written then.
static void on_message(void *data)
{
    struct recorder *recorder = data;
    if (!recorder->flush_due)
        schedule(recorder, FLUSH_US);
    recorder->flush_due = true;
}

static void stream_lost(struct recorder *recorder)
{
    bool proven = recorder->on && clock_monotonic_us() - recorder->attached_us > STREAM_PROVEN_US;
    drop_stream(recorder);
    recorder->attempts = proven ? 0 : recorder->attempts;
    // Until it records again nobody sees what it must record: their new streams wait for it.
    if (recorder->on && recorder->sandbox->policy.recording == RECORDING_REQUIRED) {
        recorder->on = false;
        for (struct viewer *viewer = recorder->sandbox->viewers; viewer; viewer = viewer->next_of_sandbox)
            viewer_stream_renew(viewer);
    }
    if (recorder->attempts++ >= ATTEMPTS_MAX)
        fail(recorder, "the display can't be reached");
    else
        schedule(recorder, recorder->attempts * SECOND_US / 8);
}

// False: it has failed, and is gone.
static bool watch(struct recorder *recorder)
{
    int error = recorder->watch.fd < 0
                    ? loop_watch_add(recorder->server->loop, &recorder->watch, recorder->stream.fd, EPOLLIN)
                    : 0;
    if (error)
        fail(recorder, strerror(-error));
    return !error;
}

static void on_stream(void *data, uint32_t events)
{
    (void)events;
    struct recorder *recorder = data;
    int error = recorder_stream_read(&recorder->stream);
    if (error) {
        stream_lost(recorder);
        return;
    }
    recorder_stream_answer(&recorder->stream);
    if (recording_writer_full(recorder->writer)) {
        loop_watch_remove(recorder->server->loop, &recorder->watch); // until it is written
        recording_writer_flush(recorder->writer);
    }
}

static void on_timer(void *data)
{
    struct recorder *recorder = data;
    recorder->flush_due = false;
    if (recorder->asked) { // no answer
        stream_lost(recorder);
    } else if (recorder->stream.fd < 0) {
        attach(recorder);
    } else {
        recorder_stream_answer(&recorder->stream);
        if (recorder->stream.acknowledge || recording_writer_pending(recorder->writer))
            on_message(recorder);
        recording_writer_flush(recorder->writer);
    }
}

static void attach(struct recorder *recorder)
{
    if (recorder->stream.fd >= 0 || recorder->asked)
        return;
    struct server *server = recorder->server;
    recorder->number = viewers_number(server->viewers);
    struct sandboxd_message message = {
        .kind = SANDBOXD_ATTACH,
        .attach = {.sandbox = recorder->sandbox->row.id, .viewer = recorder->number, .view_only = 1},
    };
    recorder->asked =
        sandboxes_ready(server->sandboxes) && sandboxd_client_send(server->sandboxd, &message) == 0;
    schedule(recorder, recorder->asked ? 10 * SECOND_US : SECOND_US);
}

static struct recorder *find(struct server *server, uint64_t number)
{
    struct recorder *recorder = server->recorders;
    while (recorder && (!recorder->asked || recorder->number != number))
        recorder = recorder->next;
    return recorder;
}

bool recorder_attached(struct server *server, uint64_t number, int fd)
{
    struct recorder *recorder = find(server, number);
    if (!recorder)
        return false;
    recorder->asked = false;
    loop_timer_cancel(&recorder->timer);
    recorder->attached_us = clock_monotonic_us();
    recorder->watch = (struct loop_watch){.fd = -1, .ready = on_stream, .data = recorder};
    if (recorder_stream_begin(&recorder->stream, fd) < 0) {
        stream_lost(recorder);
        return true;
    }
    if (watch(recorder) && !recorder->on) {
        recorder->on = true;
        tell_viewers(recorder->sandbox);
    }
    return true;
}

bool recorder_attach_failed(struct server *server, uint64_t number, int error)
{
    struct recorder *recorder = find(server, number);
    if (!recorder)
        return false;
    log_warning("A streamer for a recording could not be started", {"error", strerror(error)});
    stream_lost(recorder);
    return true;
}

static struct recording_writer *new_writer(struct recorder *recorder)
{
    struct server *server = recorder->server;
    const struct sandbox *sandbox = recorder->sandbox;
    struct recording_header header = {.recording = id_new(),
                                      .sandbox = sandbox->row.id,
                                      .account = sandbox->row.account,
                                      .started_us = clock_wall_us()};
    uint64_t quota = (uint64_t)config_number(server->config, CONFIG_RECORDING_QUOTA_MB) << 20;
    return recording_writer_new(&server->recording_writers, &header,
                                config_text(server->config, CONFIG_RECORDINGS_DIR), quota, &writer_events,
                                recorder);
}

void recorder_start(struct sandbox *sandbox)
{
    struct server *server = sandboxes_server(sandbox->sandboxes);
    if (sandbox->recorder || sandbox->state != STATE_RUNNING)
        return;
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    if (!recorder)
        return; // nobody is shown anything where it is required
    *recorder = (struct recorder){.server = server,
                                  .sandbox = sandbox,
                                  .watch = LOOP_WATCH_NONE,
                                  .timer = {.fire = on_timer, .data = recorder}};
    recorder->writer = new_writer(recorder);
    if (!recorder->writer) {
        free(recorder);
        return;
    }
    recorder->stream = (struct recorder_stream){.loop = server->loop,
                                                .writer = recorder->writer,
                                                .scratch = server->scratch + LWS_PRE,
                                                .written = on_message,
                                                .data = recorder,
                                                .started_us = clock_monotonic_us(),
                                                .fd = -1};
    recorder->next = server->recorders;
    server->recorders = recorder;
    sandbox->recorder = recorder;
    sandbox->recording_failed = false;
    char id[ID_TEXT_SIZE], recording[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    id_format(recording_writer_id(recorder->writer), recording);
    log_info("A recording begins", {"sandbox", id}, {"recording", recording});
}

void recorder_stop(struct sandbox *sandbox)
{
    if (!sandbox->recorder)
        return;
    free_recorder(sandbox->recorder);
    tell_viewers(sandbox);
}

void recorders_free(struct server *server)
{
    while (server->recorders)
        free_recorder(server->recorders);
}
