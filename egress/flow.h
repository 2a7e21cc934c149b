#pragma once
// One direction of a connection: some bytes from memory first, then a body, moved by splice(2) where its end can be
// known without looking at it.

#include "egress/chunked.h"
#include "egress/forward.h"
#include "egress/pipes.h"

// What was read from a socket and not yet passed on.
struct input {
    char *data; // EGRESS_HEAD_MAX bytes, or NULL
    size_t start, end;
};

// Reads what there is room for. The count, 0 at the end, -EAGAIN, -ENOBUFS when it is full, another -errno.
ssize_t input_read(struct input *input, int fd);
void input_free(struct input *input);

struct flow {
    struct text first; // goes before the body
    enum body_kind kind;
    uint64_t left; // BODY_LENGTH
    struct chunked chunked;
    bool ended;      // BODY_TO_END: the source's end was seen
    size_t released; // bytes at the input's start that belong to the body
    bool has_pipe;
    struct pipe pipe;
    size_t piped; // bytes in the pipe
    bool emptied; // the source had so little that asking again would be in vain
};

enum flow_result {
    FLOW_DONE,
    FLOW_WANTS_INPUT,
    FLOW_WANTS_OUTPUT, // or more time, when it took its share
    FLOW_INPUT_FAILED, // gone, or ended before its body
    FLOW_BROKEN,       // a chunked body that isn't one
    FLOW_OUTPUT_FAILED,
};

struct flow_ends {
    struct input *input; // of `from`
    int from, to;
    struct pipes *pipes;
};

// Moves what can be moved now; ret_moved: bytes that reached `to`.
enum flow_result flow_pump(struct flow *flow, const struct flow_ends *ends, uint64_t *ret_moved);
// Makes it ready for another message.
void flow_reset(struct flow *flow);
