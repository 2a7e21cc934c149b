#pragma once
// Writes one recording: the loop adds messages, a worker appends them to the file, one job at a time. Nothing that is whole is lost but by a
// failure of the disk: a lane that is full only delays it.

#include <stdbool.h>
#include <stdint.h>

#include "lib/recording.h"
#include "server/work.h"

struct recording_writer;

// All writers of the server. Zeroed, but for the lanes; `directory` and `quota` of each are told when it is made.
struct recording_writers {
    struct work *work;
    struct recording_writer *all;
    unsigned waiting; // of them, for room in the lane
    bool stopping;    // no job is submitted any more; recording_writers_finish writes what is left
    // A writer that was closed is gone: its file is whole, or with -errno as whole as it gets. NULL: nobody asks.
    void (*ended)(void *data, const struct recording_header *header, int error);
    void *data;
};

struct recording_writer_events {
    void (*written)(void *data);           // the file is there (the first time), or took what it was given
    void (*failed)(void *data, int error); // -errno, once; it writes no more and has to be closed
};

// Begins with creating the file. `directory` must stay until it is gone. NULL when memory is out.
struct recording_writer *recording_writer_new(struct recording_writers *writers,
                                              const struct recording_header *header, const char *directory,
                                              uint64_t quota, const struct recording_writer_events *events,
                                              void *data);
// No event comes any more. What is whole is still written; then it goes by itself.
void recording_writer_close(struct recording_writer *writer);
const struct id *recording_writer_id(const struct recording_writer *writer);

// A message piece by piece: `first` begins it. -ENOMEM.
int recording_writer_add(struct recording_writer *writer, bool first, const void *bytes, size_t length);
// The message that is being added. NULL: none is.
const uint8_t *recording_writer_message(const struct recording_writer *writer, uint32_t *ret_length);
// It is whole. True when it is a key frame.
bool recording_writer_end(struct recording_writer *writer, uint64_t time_us);
// The rest of the message will never come.
void recording_writer_abandon(struct recording_writer *writer);

// Enough waits for the disk: nothing more should be added until `written`.
bool recording_writer_full(const struct recording_writer *writer);
// Messages wait that no worker has yet.
bool recording_writer_pending(const struct recording_writer *writer);
// Gives them to a worker, now or when the one that has others is done.
void recording_writer_flush(struct recording_writer *writer);

// True when a file of that name is being written.
bool recording_writers_have(const struct recording_writers *writers, const struct id *recording);
// True when a recording of that sandbox was closed and is not gone yet.
bool recording_writers_closing(const struct recording_writers *writers, const struct id *sandbox);
// Writes what is left and closes all files, when no worker runs any more.
void recording_writers_finish(struct recording_writers *writers);
