#include "server/recording_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "server/recording_files.h"

#define BUFFER_FULL (1u << 20) // bytes that wait for the disk before the stream does

struct buffer {
    uint8_t *bytes;
    size_t length, capacity;
    size_t whole; // of it, records that are complete
};

struct recording_writer {
    struct work_job job;
    struct recording_writers *writers;
    struct recording_writer *next;
    const struct recording_writer_events *events; // NULL: nobody listens, it ends
    void *data;
    struct recording_header header;
    const char *directory;
    uint64_t quota;
    struct recording_scan scan;
    struct buffer taken;   // the loop's
    struct buffer written; // a worker's while busy
    struct recording_file file;
    bool busy, waiting, created;
    bool closing; // a worker's while busy
    int error;    // of the worker's part
    int lost;     // once closed: what its end was lost by
};

static void free_writer(struct recording_writer *writer)
{
    struct recording_writer **link = &writer->writers->all;
    while (*link != writer)
        link = &(*link)->next;
    *link = writer->next;
    struct recording_writers *writers = writer->writers;
    const struct recording_header header = writer->header;
    int lost = writer->lost;
    writers->waiting -= writer->waiting;
    free(writer->taken.bytes);
    free(writer->written.bytes);
    free(writer);
    if (writers->ended)
        writers->ended(writers->data, &header, lost);
}

static void run(struct work_job *job, struct store *store)
{
    (void)store;
    struct recording_writer *writer = lws_container_of(job, struct recording_writer, job);
    writer->error = 0;
    if (!writer->created)
        writer->error =
            recording_file_create(writer->directory, &writer->header, writer->quota, &writer->file);
    else if (writer->written.whole)
        writer->error = recording_file_append(&writer->file, writer->directory, writer->quota,
                                              writer->written.bytes, writer->written.whole);
    writer->written.length = writer->written.whole = 0;
    if (writer->closing) {
        int error = recording_file_close(&writer->file);
        writer->error = writer->error ? writer->error : error;
    }
}

static void done(struct work_job *job);

// The begin of a record that is not whole stays with the loop. Nobody adds to a writer that ends: it needs no memory.
static int swap_buffers(struct recording_writer *writer)
{
    struct buffer full = writer->taken;
    struct buffer next = writer->written;
    size_t rest = full.length - full.whole;
    if (rest > next.capacity) {
        uint8_t *bytes = realloc(next.bytes, rest);
        if (!bytes)
            return -ENOMEM;
        next.bytes = bytes;
        next.capacity = rest;
    }
    if (rest)
        memcpy(next.bytes, full.bytes + full.whole, rest);
    writer->taken = (struct buffer){.bytes = next.bytes, .length = rest, .capacity = next.capacity};
    writer->written = full;
    return 0;
}

// No job took them: as before swap_buffers.
static void put_back(struct recording_writer *writer)
{
    struct buffer full = writer->written;
    writer->written = (struct buffer){.bytes = writer->taken.bytes, .capacity = writer->taken.capacity};
    writer->taken = full;
}

static void set_waiting(struct recording_writer *writer, bool waiting)
{
    writer->writers->waiting += waiting;
    writer->writers->waiting -= writer->waiting;
    writer->waiting = waiting;
}

// 0 or -ENOMEM. When the lane is full, the job of some writer is done before long: then again.
static int submit(struct recording_writer *writer)
{
    struct recording_writers *writers = writer->writers;
    if (writer->busy || writers->stopping)
        return 0;
    int error = swap_buffers(writer);
    if (error)
        return error;
    writer->job = (struct work_job){.run = run, .done = done};
    writer->closing = !writer->events;
    writer->error = -ECANCELED;
    writer->busy = work_submit(writers->work, WORK_RECORDING, &writer->job) == 0;
    set_waiting(writer, !writer->busy);
    if (!writer->busy)
        put_back(writer);
    return 0;
}

// What could not be written may have been written in part: nothing may follow it.
static void fail(struct recording_writer *writer, int error)
{
    writer->taken.length = writer->taken.whole = 0;
    if (writer->events)
        writer->events->failed(writer->data, error);
}

static void submit_or_fail(struct recording_writer *writer)
{
    int error = submit(writer);
    if (error)
        fail(writer, error);
}

static void wake_waiting(struct recording_writers *writers)
{
    for (struct recording_writer *writer = writers->all, *next; writer && writers->waiting; writer = next) {
        next = writer->next; // it may go by its own failure alone
        if (writer->waiting)
            submit_or_fail(writer);
    }
}

static void done(struct work_job *job)
{
    struct recording_writer *writer = lws_container_of(job, struct recording_writer, job);
    struct recording_writers *writers = writer->writers;
    writer->busy = false;
    if (writers->stopping)
        return; // recording_writers_finish writes the rest
    writer->created |= !writer->error;
    if (!writer->events) {
        if (writer->error && writer->created)
            log_error("The end of a recording may be lost", {"reason", strerror(-writer->error)});
        writer->lost = writer->lost ? writer->lost : writer->error;
        if (writer->file.data < 0)
            free_writer(writer);
        else
            submit_or_fail(writer);
    } else if (writer->error) {
        fail(writer, writer->error);
    } else {
        if (recording_writer_full(writer))
            submit_or_fail(writer);
        if (writer->events)
            writer->events->written(writer->data);
    }
    wake_waiting(writers);
}

struct recording_writer *recording_writer_new(struct recording_writers *writers,
                                              const struct recording_header *header, const char *directory,
                                              uint64_t quota, const struct recording_writer_events *events,
                                              void *data)
{
    struct recording_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return NULL;
    *writer = (struct recording_writer){.writers = writers,
                                        .next = writers->all,
                                        .events = events,
                                        .data = data,
                                        .header = *header,
                                        .directory = directory,
                                        .quota = quota,
                                        .scan = recording_scan_new(),
                                        .file = RECORDING_FILE_NONE};
    writers->all = writer;
    (void)submit(writer); // nothing was added: no memory is needed
    return writer;
}

void recording_writer_close(struct recording_writer *writer)
{
    recording_writer_abandon(writer);
    writer->events = NULL;
    if (!writer->busy && writer->file.data < 0)
        free_writer(writer);
    else
        (void)submit(writer);
}

const struct id *recording_writer_id(const struct recording_writer *writer)
{
    return &writer->header.recording;
}

static int append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length > buffer->capacity - buffer->length) {
        size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_FULL / 8;
        while (length > capacity - buffer->length)
            capacity *= 2;
        uint8_t *grown = realloc(buffer->bytes, capacity);
        if (!grown)
            return -ENOMEM;
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return 0;
}

int recording_writer_add(struct recording_writer *writer, bool first, const void *bytes, size_t length)
{
    static const uint8_t room[RECORDING_RECORD_SIZE];
    int error = first ? append(&writer->taken, room, sizeof(room)) : 0;
    return error ? error : append(&writer->taken, bytes, length);
}

const uint8_t *recording_writer_message(const struct recording_writer *writer, uint32_t *ret_length)
{
    const struct buffer *taken = &writer->taken;
    if (taken->length - taken->whole <= RECORDING_RECORD_SIZE)
        return NULL;
    *ret_length = (uint32_t)(taken->length - taken->whole - RECORDING_RECORD_SIZE);
    return taken->bytes + taken->whole + RECORDING_RECORD_SIZE;
}

bool recording_writer_end(struct recording_writer *writer, uint64_t time_us)
{
    struct recording_record record = {.time_us = time_us};
    struct recording_key key;
    const uint8_t *message = recording_writer_message(writer, &record.length);
    if (!message) {
        recording_writer_abandon(writer);
        return false;
    }
    bool is_key = recording_scan_message(&writer->scan, &record, message, &key);
    recording_record_write(&record, writer->taken.bytes + writer->taken.whole);
    writer->taken.whole = writer->taken.length;
    return is_key;
}

void recording_writer_abandon(struct recording_writer *writer)
{
    writer->taken.length = writer->taken.whole;
}

bool recording_writer_full(const struct recording_writer *writer)
{
    return writer->taken.whole >= BUFFER_FULL;
}

bool recording_writer_pending(const struct recording_writer *writer)
{
    return writer->taken.whole > 0;
}

void recording_writer_flush(struct recording_writer *writer)
{
    if (writer->created && recording_writer_pending(writer))
        submit_or_fail(writer);
}

bool recording_writers_have(const struct recording_writers *writers, const struct id *recording)
{
    const struct recording_writer *writer = writers->all;
    while (writer && !id_equal(&writer->header.recording, recording))
        writer = writer->next;
    return writer != NULL;
}

bool recording_writers_closing(const struct recording_writers *writers, const struct id *sandbox)
{
    const struct recording_writer *writer = writers->all;
    while (writer && (writer->events || !id_equal(&writer->header.sandbox, sandbox)))
        writer = writer->next;
    return writer != NULL;
}

void recording_writers_finish(struct recording_writers *writers)
{
    while (writers->all) {
        struct recording_writer *writer = writers->all;
        if (writer->file.data >= 0) {
            const struct buffer *rest[] = {&writer->written, &writer->taken};
            int error = 0;
            for (int i = 0; i < 2 && !error; i++)
                error = recording_file_append(&writer->file, writer->directory, writer->quota, rest[i]->bytes,
                                              rest[i]->whole);
            int closed = recording_file_close(&writer->file);
            writer->lost = error ? error : closed;
            if (writer->lost)
                log_error("The end of a recording may be lost", {"reason", strerror(-writer->lost)});
        }
        free_writer(writer);
    }
}
