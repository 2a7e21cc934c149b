#pragma once
// A recorder's side of the stream: takes the streamer's messages, answers them as a browser would, and writes where the pointer is between
// them.

#include "lib/recording.h"
#include "server/loop.h"
#include "server/recording_writer.h"
#include "server/relay.h"

struct recorder_stream {
    struct loop *loop;
    struct recording_writer *writer;
    unsigned char *scratch;      // for one packet
    void (*written)(void *data); // something waits for the disk
    void *data;
    int64_t started_us; // of the recording, monotonic

    int fd; // -1: none
    struct relay_down down;
    bool greeted; // hello has come
    uint32_t painted;
    bool acknowledge, refreshing, listening;
    int64_t key_us; // monotonic, of the last key frame
    struct {
        struct recording_pointer place;
        bool known, pending; // pending: not written yet
        int64_t written_us;
        struct loop_timer timer;
    } pointer;
};

// Takes the descriptor. -errno.
int recorder_stream_begin(struct recorder_stream *stream, int fd);
// Also when there is none. The message that was cut off is forgotten.
void recorder_stream_end(struct recorder_stream *stream);
// Takes what is there, as long as the disk keeps up. -errno: the streamer is gone, or broke the protocol.
int recorder_stream_read(struct recorder_stream *stream);
// Acknowledges, asks for key frames and for sound. What the socket does not take is said with the next call.
void recorder_stream_answer(struct recorder_stream *stream);
