#include "egress/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPLICE_FEW 16384 // bytes; epoll tells if there were more after all

enum { GO_ON = -1 }; // besides enum flow_result

ssize_t input_read(struct input *input, int fd)
{
    if (!input->data && !(input->data = malloc(EGRESS_HEAD_MAX)))
        return -ENOMEM;
    if (input->start == input->end)
        input->start = input->end = 0;
    if (input->end == EGRESS_HEAD_MAX && input->start > 0) {
        memmove(input->data, input->data + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    if (input->end == EGRESS_HEAD_MAX)
        return -ENOBUFS;
    ssize_t n;
    do
        n = recv(fd, input->data + input->end, EGRESS_HEAD_MAX - input->end, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    input->end += (size_t)n;
    return n;
}

void input_free(struct input *input)
{
    free(input->data);
    *input = (struct input){0};
}

static int output_problem(void)
{
    if (errno == EINTR)
        return GO_ON;
    return errno == EAGAIN ? FLOW_WANTS_OUTPUT : FLOW_OUTPUT_FAILED;
}

static int input_problem(int error)
{
    if (error == EINTR)
        return GO_ON;
    return error == EAGAIN ? FLOW_WANTS_INPUT : FLOW_INPUT_FAILED;
}

static int send_first(struct flow *flow, int to, uint64_t *moved)
{
    struct text *first = &flow->first;
    ssize_t n = send(to, first->data + first->start, first->end - first->start, MSG_NOSIGNAL);
    if (n < 0)
        return output_problem();
    first->start += (size_t)n;
    *moved += (uint64_t)n;
    if (first->start == first->end)
        text_free(first);
    return GO_ON;
}

static int send_released(struct flow *flow, const struct flow_ends *ends, uint64_t *moved)
{
    ssize_t n = send(ends->to, ends->input->data + ends->input->start, flow->released, MSG_NOSIGNAL);
    if (n < 0)
        return output_problem();
    ends->input->start += (size_t)n;
    flow->released -= (size_t)n;
    *moved += (uint64_t)n;
    return GO_ON;
}

static int drain_pipe(struct flow *flow, int to, uint64_t *moved)
{
    ssize_t n = splice(flow->pipe.read, NULL, to, NULL, flow->piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0)
        return output_problem();
    if (n == 0)
        return FLOW_OUTPUT_FAILED;
    flow->piped -= (size_t)n;
    *moved += (uint64_t)n;
    return GO_ON;
}

static int fill_pipe(struct flow *flow, const struct flow_ends *ends)
{
    if (!flow->has_pipe && pipes_take(ends->pipes, &flow->pipe) < 0)
        return FLOW_INPUT_FAILED;
    flow->has_pipe = true;
    size_t size = EGRESS_PIPE_SIZE;
    if (flow->kind == BODY_LENGTH && flow->left < size)
        size = (size_t)flow->left;
    ssize_t n = splice(ends->from, NULL, flow->pipe.write, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0)
        return input_problem(errno);
    if (n == 0 && flow->kind != BODY_TO_END)
        return FLOW_INPUT_FAILED;
    flow->ended = n == 0;
    flow->piped = (size_t)n;
    flow->emptied = n > 0 && n < SPLICE_FEW;
    if (flow->kind == BODY_LENGTH)
        flow->left -= (uint64_t)n;
    return GO_ON;
}

static bool body_done(const struct flow *flow)
{
    switch (flow->kind) {
    case BODY_LENGTH:
        return flow->left == 0;
    case BODY_CHUNKED:
        return flow->chunked.state == CHUNK_DONE;
    case BODY_TO_END:
        return flow->ended;
    default:
        return true;
    }
}

// Finds out which of the buffered bytes belong to the body.
static int release(struct flow *flow, const struct input *input)
{
    size_t size = input->end - input->start;
    if (flow->kind == BODY_LENGTH) {
        flow->released = size < flow->left ? size : (size_t)flow->left;
        flow->left -= flow->released;
    } else if (flow->kind == BODY_TO_END) {
        flow->released = size;
    } else {
        flow->released = chunked_take(&flow->chunked, input->data + input->start, size);
        if (flow->chunked.state == CHUNK_BROKEN)
            return FLOW_BROKEN;
    }
    return GO_ON;
}

static int read_chunks(const struct flow_ends *ends)
{
    ssize_t n = input_read(ends->input, ends->from);
    if (n < 0)
        return input_problem((int)-n);
    return n == 0 ? FLOW_INPUT_FAILED : GO_ON;
}

static int step(struct flow *flow, const struct flow_ends *ends, uint64_t *moved)
{
    if (flow->first.data)
        return send_first(flow, ends->to, moved);
    if (flow->piped > 0)
        return drain_pipe(flow, ends->to, moved);
    if (flow->released > 0)
        return send_released(flow, ends, moved);
    if (body_done(flow))
        return FLOW_DONE;
    if (flow->emptied) {
        flow->emptied = false;
        return FLOW_WANTS_INPUT;
    }
    if (ends->input->end > ends->input->start)
        return release(flow, ends->input);
    if (flow->kind == BODY_CHUNKED)
        return read_chunks(ends);
    return fill_pipe(flow, ends);
}

enum flow_result flow_pump(struct flow *flow, const struct flow_ends *ends, uint64_t *ret_moved)
{
    int result = GO_ON;
    *ret_moved = 0;
    while (result == GO_ON && *ret_moved < EGRESS_PUMP_BATCH)
        result = step(flow, ends, ret_moved);
    if (flow->has_pipe && flow->piped == 0) {
        pipes_return(ends->pipes, flow->pipe);
        flow->has_pipe = false;
    }
    return result == GO_ON ? FLOW_WANTS_OUTPUT : (enum flow_result)result;
}

void flow_reset(struct flow *flow)
{
    text_free(&flow->first);
    if (flow->has_pipe)
        pipe_close(flow->pipe);
    *flow = (struct flow){0};
}
