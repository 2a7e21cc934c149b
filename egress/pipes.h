#pragma once
// Pipes for splice(2). A pipe is only held while bytes are in it, so idle connections cost none.

#include "egress/limits.h"

struct pipe {
    int read, write;
};

// Zero-initialised: empty.
struct pipes {
    struct pipe kept[EGRESS_PIPES_KEPT];
    unsigned count;
};

// An empty non-blocking pipe. 0 or -errno.
int pipes_take(struct pipes *pipes, struct pipe *ret_pipe);
// Gives an empty pipe back.
void pipes_return(struct pipes *pipes, struct pipe pipe);
// Closes one that still holds bytes.
void pipe_close(struct pipe pipe);
void pipes_finish(struct pipes *pipes);
