#include "egress/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int pipes_take(struct pipes *pipes, struct pipe *ret_pipe)
{
    int fds[2];
    if (pipes->count > 0) {
        *ret_pipe = pipes->kept[--pipes->count];
        return 0;
    }
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    // Over the user's share (pipe(7), pipe-user-pages-soft) it stays small and only slower.
    (void)fcntl(fds[1], F_SETPIPE_SZ, EGRESS_PIPE_SIZE);
    *ret_pipe = (struct pipe){fds[0], fds[1]};
    return 0;
}

void pipes_return(struct pipes *pipes, struct pipe pipe)
{
    if (pipes->count < EGRESS_PIPES_KEPT)
        pipes->kept[pipes->count++] = pipe;
    else
        pipe_close(pipe);
}

void pipe_close(struct pipe pipe)
{
    close(pipe.read);
    close(pipe.write);
}

void pipes_finish(struct pipes *pipes)
{
    while (pipes->count > 0)
        pipe_close(pipes->kept[--pipes->count]);
}
