#pragma once
// Standard output and error of the command, counted: through two pipes when a limit was given, else not touched.

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_STREAMS 2
#define OUTPUT_POLLS (2 * OUTPUT_STREAMS)
#define OUTPUT_CHUNK 4096 // a pipe that is ready takes so much without blocking

struct output_stream {
    int from, to;  // read end of the pipe, and where it goes (1 or 2); from -1: at its end
    int write_end; // for the command, until it is started
    size_t filled, sent;
    char bytes[OUTPUT_CHUNK];
};

struct output {
    bool limited;
    uint64_t limit, written;
    struct output_stream streams[OUTPUT_STREAMS];
};

// limit UINT64_MAX: nothing is counted.
int output_init(struct output *output, uint64_t limit);
void output_finish(struct output *output);
// Puts the pipes' ends at their places.
void output_ends(const struct output *output, int standard[static 3]);
void output_close_ends(struct output *output);
void output_poll(const struct output *output, struct pollfd polls[static OUTPUT_POLLS]);
// True when more than the limit came.
bool output_move(struct output *output, const struct pollfd polls[static OUTPUT_POLLS]);
// The rest, once nobody writes any more; what nobody reads is given up when `stop` can be read.
bool output_drain(struct output *output, int stop);
