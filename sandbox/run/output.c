#include "sandbox/run/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

int output_init(struct output *output, uint64_t limit)
{
    *output = (struct output){.limited = limit != UINT64_MAX, .limit = limit};
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++)
        output->streams[i] = (struct output_stream){.from = -1, .to = (int)i + 1, .write_end = -1};
    for (unsigned i = 0; i < OUTPUT_STREAMS && output->limited; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -errno;
        output->streams[i].from = ends[0];
        output->streams[i].write_end = ends[1];
        int error = set_nonblocking(ends[0]);
        if (error)
            return error;
    }
    return 0;
}

void output_close_ends(struct output *output)
{
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
        cleanup_fd(&output->streams[i].write_end);
        output->streams[i].write_end = -1;
    }
}

void output_finish(struct output *output)
{
    if (!output->limited)
        return;
    output_close_ends(output);
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++)
        cleanup_fd(&output->streams[i].from);
}

void output_ends(const struct output *output, int standard[static 3])
{
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
        if (output->streams[i].write_end >= 0)
            standard[i + 1] = output->streams[i].write_end;
    }
}

void output_poll(const struct output *output, struct pollfd polls[static OUTPUT_POLLS])
{
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
        const struct output_stream *stream = &output->streams[i];
        bool full = stream->sent < stream->filled;
        polls[2 * i] = (struct pollfd){.fd = full ? -1 : stream->from, .events = POLLIN};
        polls[2 * i + 1] = (struct pollfd){.fd = full ? stream->to : -1, .events = POLLOUT};
    }
}

static void close_stream(struct output_stream *stream)
{
    cleanup_fd(&stream->from); // the command hears it as the end of its reader
    stream->from = -1;
    stream->sent = stream->filled = 0;
}

// True when the limit is passed: what is under it still goes out.
static bool fill(struct output *output, struct output_stream *stream)
{
    ssize_t length = read(stream->from, stream->bytes, sizeof(stream->bytes));
    if (length < 0)
        return false;
    if (length == 0) {
        close_stream(stream);
        return false;
    }
    uint64_t room = output->limit - output->written;
    bool over = (uint64_t)length > room;
    stream->sent = 0;
    stream->filled = over ? (size_t)room : (size_t)length;
    output->written += stream->filled;
    return over;
}

static void send_some(struct output_stream *stream)
{
    ssize_t length = write(stream->to, stream->bytes + stream->sent, stream->filled - stream->sent);
    if (length >= 0)
        stream->sent += (size_t)length;
    else if (errno != EAGAIN && errno != EINTR)
        close_stream(stream);
}

bool output_move(struct output *output, const struct pollfd polls[static OUTPUT_POLLS])
{
    bool over = false;
    for (unsigned i = 0; i < OUTPUT_STREAMS && output->limited; i++) {
        if (polls[2 * i].revents)
            over |= fill(output, &output->streams[i]);
        if (polls[2 * i + 1].revents)
            send_some(&output->streams[i]);
    }
    return over;
}

// False when nobody takes it.
static bool send_rest(struct output_stream *stream, int stop)
{
    while (stream->sent < stream->filled) {
        struct pollfd ready[] = {{.fd = stream->to, .events = POLLOUT}, {.fd = stop, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            return false;
        if (ready[0].revents)
            send_some(stream);
        else if (ready[1].revents)
            return false;
    }
    return true;
}

bool output_drain(struct output *output, int stop)
{
    bool over = false;
    for (unsigned i = 0; i < OUTPUT_STREAMS && output->limited; i++) {
        struct output_stream *stream = &output->streams[i];
        for (;;) {
            if (!send_rest(stream, stop) || stream->from < 0 || over)
                break;
            over = fill(output, stream);
            if (stream->filled == 0)
                break;
        }
    }
    return over;
}
