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
#include "server/recording_files.h"
#include "server/relay.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewer.h"

#define KEY_US (10 * SECOND_US) // between two places where playing can begin, while something changes
#define FLUSH_US SECOND_US      // what a crash of this program may cost
#define BUFFER_FULL (1u << 20)  // bytes that wait for the disk before the stream does
#define ATTEMPTS_MAX 7
#define PACKETS_PER_TURN 64

struct buffer {
    uint8_t *bytes;
    size_t length, capacity;
    size_t whole; // of it, records that are complete
};

struct recorder {
    struct work_job job;
    struct server *server;
    struct sandbox *sandbox; // NULL: it ends
    struct recorder *next;   // of all
    struct recording_header header;
    int64_t started_us; // monotonic

    uint64_t number; // of its streamer
    int stream;
    struct loop_watch watch;
    struct loop_timer timer;
    bool asked;
    unsigned attempts;
    int64_t attached_us;
    bool on;
    struct relay_down down;
    uint32_t painted;
    bool acknowledge, refreshing;
    int64_t key_us; // monotonic, of the last key frame

    struct buffer taken;   // the loop's
    struct buffer written; // a worker's while busy
    struct recording_scan scan;
    struct recording_file file;
    const char *directory;
    uint64_t quota;
    bool busy, created, closing;
    int error; // of the worker's part
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
    if (recorder->stream >= 0)
        close(steal_fd(&recorder->stream));
    recorder->asked = false;
    recorder->down = (struct relay_down){0};
    recorder->taken.length = recorder->taken.whole; // the message that was cut off
}

static void free_recorder(struct recorder *recorder)
{
    struct recorder **link = &recorder->server->recorders;
    while (*link != recorder)
        link = &(*link)->next;
    *link = recorder->next;
    free(recorder->taken.bytes);
    free(recorder->written.bytes);
    free(recorder);
}

static void submit(struct recorder *recorder);

// The sandbox lets go of it; what was taken is written before it goes itself.
static void finish(struct recorder *recorder)
{
    drop_stream(recorder);
    recorder->sandbox = NULL;
    recorder->closing = true;
    if (!recorder->busy)
        submit(recorder);
}

static void fail(struct recorder *recorder, const char *why)
{
    struct sandbox *sandbox = recorder->sandbox;
    if (!sandbox)
        return;
    char id[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    bool required = sandbox->policy.recording == RECORDING_REQUIRED;
    log_error("A recording has failed; look at the space in RECORDINGS_DIR and at RECORDING_QUOTA_MB",
              {"sandbox", id}, {"reason", why}, {"viewers", required ? "closed" : "told"});
    sandbox->recorder = NULL;
    sandbox->recording_failed = true;
    finish(recorder);
    for (struct viewer *viewer = sandbox->viewers; required && viewer; viewer = viewer->next_of_sandbox)
        viewer_close(viewer, CLOSE_NOT_RECORDED, "the recording that is required can't be written");
    tell_viewers(sandbox);
}

static void run(struct work_job *job, struct store *store)
{
    (void)store;
    struct recorder *recorder = lws_container_of(job, struct recorder, job);
    recorder->error = 0;
    if (!recorder->created && !recorder->closing)
        recorder->error =
            recording_file_create(recorder->directory, &recorder->header, recorder->quota, &recorder->file);
    else if (recorder->created && recorder->written.whole)
        recorder->error = recording_file_append(&recorder->file, recorder->directory, recorder->quota,
                                                recorder->written.bytes, recorder->written.whole);
    recorder->written.length = recorder->written.whole = 0;
    if (recorder->closing) {
        int error = recording_file_close(&recorder->file);
        recorder->error = recorder->error ? recorder->error : error;
    }
}

static void attach(struct recorder *recorder);
static void watch(struct recorder *recorder, uint32_t events);

static void done(struct work_job *job)
{
    struct recorder *recorder = lws_container_of(job, struct recorder, job);
    recorder->busy = false;
    if (recorder->server->stopping)
        return; // recorders_free writes the rest
    bool was_created = recorder->created;
    recorder->created |= !recorder->error;
    if (recorder->closing && recorder->file.data < 0) {
        free_recorder(recorder);
        return;
    }
    if (recorder->error && recorder->sandbox)
        fail(recorder, strerror(-recorder->error));
    else if (recorder->closing || recorder->taken.whole >= BUFFER_FULL)
        submit(recorder);
    else if (!was_created)
        attach(recorder);
    else if (recorder->stream >= 0)
        watch(recorder, EPOLLIN);
}

// Hands the whole records to a worker; the begin of one that is not whole stays here.
static void submit(struct recorder *recorder)
{
    struct buffer full = recorder->taken;
    struct buffer *next = &recorder->written;
    size_t rest = full.length - full.whole;
    if (rest > next->capacity) {
        uint8_t *bytes = realloc(next->bytes, rest);
        if (!bytes) {
            fail(recorder, "out of memory");
            return;
        }
        next->bytes = bytes;
        next->capacity = rest;
    }
    if (rest)
        memcpy(next->bytes, full.bytes + full.whole, rest);
    recorder->taken = (struct buffer){.bytes = next->bytes, .length = rest, .capacity = next->capacity};
    recorder->written = full;
    recorder->job = (struct work_job){.run = run, .done = done};
    recorder->error = -ECANCELED;
    recorder->busy = true;
    if (work_submit(recorder->server->work, WORK_RECORDING, &recorder->job) < 0) {
        recorder->busy = false;
        if (recorder->sandbox)
            fail(recorder, "too much waits for the disk");
        // else recorders_free finds it
    }
}

static bool append(struct recorder *recorder, const void *bytes, size_t length)
{
    struct buffer *buffer = &recorder->taken;
    if (length > buffer->capacity - buffer->length) {
        size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_FULL / 8;
        while (length > capacity - buffer->length)
            capacity *= 2;
        uint8_t *grown = realloc(buffer->bytes, capacity);
        if (!grown)
            return false;
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return true;
}

static void answer(struct recorder *recorder)
{
    uint8_t packet[17] = {0, WIRE_ACKNOWLEDGE};
    struct writer w = writer_of(packet + 5, sizeof(packet) - 5);
    write_u32(&w, recorder->painted);
    // What the socket does not take is said with the next one.
    if (recorder->acknowledge && ipc_send(recorder->stream, packet, sizeof(packet), NULL, 0) == 0)
        recorder->acknowledge = false;
    static const uint8_t refresh[5] = {0, WIRE_REFRESH};
    if (!recorder->refreshing && clock_monotonic_us() - recorder->key_us >= KEY_US)
        recorder->refreshing = ipc_send(recorder->stream, refresh, sizeof(refresh), NULL, 0) == 0;
}

static void take_message(struct recorder *recorder)
{
    struct buffer *buffer = &recorder->taken;
    uint8_t *start = buffer->bytes + buffer->whole;
    const uint8_t *message = start + RECORDING_RECORD_SIZE;
    struct recording_record record = {
        .length = (uint32_t)(buffer->length - buffer->whole - RECORDING_RECORD_SIZE),
        .time_us = (uint64_t)(clock_monotonic_us() - recorder->started_us),
    };
    struct recording_key key;
    if (recording_scan_message(&recorder->scan, &record, message, &key)) {
        recorder->key_us = clock_monotonic_us();
        recorder->refreshing = false;
    }
    recording_record_write(&record, start);
    buffer->whole = buffer->length;
    bool frame = message[0] >= WIRE_VIDEO_FRAME && message[0] <= WIRE_COPY_RECTANGLE && record.length >= 8;
    if (frame || message[0] == WIRE_HELLO) {
        struct reader r = reader_of(message + 4, 4);
        recorder->painted = frame ? read_u32(&r) : 0;
        recorder->acknowledge = true;
    }
}

static int take_packet(struct recorder *recorder, const uint8_t *packet, size_t length)
{
    static const uint8_t room[RECORDING_RECORD_SIZE];
    struct stream_report report;
    struct relay_fragment fragment;
    if (length > 0 && packet[0] == STREAM_PACKET_REPORT)
        return relay_down_report(&recorder->down, packet, length, &report);
    int error = relay_down_packet(&recorder->down, packet, length, &fragment);
    if (error)
        return error;
    if ((fragment.first && !append(recorder, room, sizeof(room))) ||
        !append(recorder, fragment.data, fragment.length))
        return -ENOMEM;
    if (fragment.last)
        take_message(recorder);
    return 0;
}

static bool full(const struct recorder *recorder)
{
    return recorder->taken.whole >= BUFFER_FULL;
}

static int read_stream(struct recorder *recorder)
{
    uint8_t *bytes = recorder->server->scratch + LWS_PRE;
    for (int i = 0; i < PACKETS_PER_TURN && !full(recorder); i++) {
        AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
        int error = ipc_receive(recorder->stream, bytes, STREAM_PACKET_MAX, &packet);
        if (error == -EAGAIN)
            return 0;
        if (!error)
            error = packet.fd_count ? -EPROTO : take_packet(recorder, bytes, packet.length);
        if (error)
            return error;
    }
    return 0;
}

static void on_timer(void *data);

static void schedule(struct recorder *recorder, int64_t after_us)
{
    loop_timer_set(recorder->server->loop, &recorder->timer, after_us);
}

static void stream_lost(struct recorder *recorder)
{
    bool proven = recorder->on && clock_monotonic_us() - recorder->attached_us > STREAM_PROVEN_US;
    drop_stream(recorder);
    recorder->attempts = proven ? 0 : recorder->attempts;
    // Until it records again nobody sees what it must record: their new streams wait for it.
    if (recorder->on && recorder->sandbox && recorder->sandbox->policy.recording == RECORDING_REQUIRED) {
        recorder->on = false;
        for (struct viewer *viewer = recorder->sandbox->viewers; viewer; viewer = viewer->next_of_sandbox)
            viewer_stream_renew(viewer);
    }
    if (recorder->attempts++ >= ATTEMPTS_MAX)
        fail(recorder, "the display can't be reached");
    else
        schedule(recorder, recorder->attempts * SECOND_US / 8);
}

static void watch(struct recorder *recorder, uint32_t events)
{
    struct loop *loop = recorder->server->loop;
    int error = recorder->watch.fd < 0 ? loop_watch_add(loop, &recorder->watch, recorder->stream, events)
                                       : loop_watch_change(loop, &recorder->watch, events);
    if (error)
        fail(recorder, strerror(-error));
}

static void on_stream(void *data, uint32_t events)
{
    (void)events;
    struct recorder *recorder = data;
    int error = read_stream(recorder);
    if (error) {
        stream_lost(recorder);
        return;
    }
    answer(recorder);
    if (full(recorder))
        loop_watch_remove(recorder->server->loop, &recorder->watch);
    if (full(recorder) && !recorder->busy)
        submit(recorder);
    else
        schedule(recorder, FLUSH_US);
}

static void on_timer(void *data)
{
    struct recorder *recorder = data;
    if (recorder->asked) { // no answer
        stream_lost(recorder);
    } else if (recorder->stream < 0) {
        attach(recorder);
    } else {
        answer(recorder);
        if (!recorder->busy && recorder->taken.whole)
            submit(recorder);
        else if (recorder->acknowledge || recorder->taken.whole)
            schedule(recorder, FLUSH_US);
    }
}

static void attach(struct recorder *recorder)
{
    if (!recorder->sandbox || recorder->stream >= 0 || recorder->asked)
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
    recorder->stream = fd;
    recorder->attached_us = clock_monotonic_us();
    if (set_nonblocking(fd) < 0) {
        stream_lost(recorder);
        return true;
    }
    recorder->watch = (struct loop_watch){.fd = -1, .ready = on_stream, .data = recorder};
    recorder->key_us = clock_monotonic_us();
    recorder->refreshing = false;
    watch(recorder, EPOLLIN);
    if (recorder->sandbox && !recorder->on) {
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

void recorder_start(struct sandbox *sandbox)
{
    struct server *server = sandboxes_server(sandbox->sandboxes);
    if (sandbox->recorder || sandbox->state != STATE_RUNNING)
        return;
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    if (!recorder)
        return; // nobody is shown anything where it is required
    *recorder = (struct recorder){
        .server = server,
        .sandbox = sandbox,
        .next = server->recorders,
        .header = {.recording = id_new(),
                   .sandbox = sandbox->row.id,
                   .account = sandbox->row.account,
                   .started_us = clock_wall_us()},
        .started_us = clock_monotonic_us(),
        .stream = -1,
        .watch = LOOP_WATCH_NONE,
        .timer = {.fire = on_timer, .data = recorder},
        .scan = recording_scan_new(),
        .file = RECORDING_FILE_NONE,
        .directory = config_text(server->config, CONFIG_RECORDINGS_DIR),
        .quota = (uint64_t)config_number(server->config, CONFIG_RECORDING_QUOTA_MB) << 20,
    };
    server->recorders = recorder;
    sandbox->recorder = recorder;
    sandbox->recording_failed = false;
    char id[ID_TEXT_SIZE], recording[ID_TEXT_SIZE];
    id_format(&sandbox->row.id, id);
    id_format(&recorder->header.recording, recording);
    log_info("A recording begins", {"sandbox", id}, {"recording", recording});
    submit(recorder);
}

void recorder_stop(struct sandbox *sandbox)
{
    struct recorder *recorder = steal_pointer(&sandbox->recorder);
    if (!recorder)
        return;
    finish(recorder);
    tell_viewers(sandbox);
}

void recorders_free(struct server *server)
{
    while (server->recorders) {
        struct recorder *recorder = server->recorders;
        drop_stream(recorder);
        if (recorder->sandbox)
            recorder->sandbox->recorder = NULL;
        if (recorder->file.data >= 0) {
            const struct buffer *rest[] = {&recorder->written, &recorder->taken};
            for (int i = 0; i < 2; i++)
                (void)recording_file_append(&recorder->file, recorder->directory, recorder->quota,
                                            rest[i]->bytes, rest[i]->whole);
            if (recording_file_close(&recorder->file) < 0)
                log_error("The end of a recording may be lost");
        }
        free_recorder(recorder);
    }
}
