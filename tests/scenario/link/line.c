#include "line.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"

static void free_segments(struct segment *segment)
{
    while (segment) {
        struct segment *next = segment->next;
        free(segment);
        segment = next;
    }
}

void line_forget(struct flow *flow)
{
    free_segments(flow->queue);
    free_segments(flow->way);
}

static bool has_room(const struct link *l, enum direction d, const struct flow *flow)
{
    // A receiver that does not read holds up its own connection alone.
    size_t on_the_way = l->line[d].rate * l->way_us / 1000000 + l->queue_max;
    return (l->fair ? flow->queued : l->line[d].queued) < l->queue_max && flow->travelling < on_the_way;
}

// Takes one segment of a connection into the queue. false when there was none.
static bool read_segment(struct link *l, struct connection *c, enum direction d, uint64_t now)
{
    struct flow *flow = &c->flow[d];
    if (!c->open || !flow->readable || flow->ended || !has_room(l, d, flow))
        return false;
    AUTO_FREE struct segment *segment = malloc(sizeof(*segment));
    if (!segment)
        abort();
    ssize_t n = read(c->fd[d], segment->data, SEGMENT);
    if (n <= 0) {
        flow->readable = n < 0 && errno == EINTR;
        flow->ended = n == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    struct line *line = &l->line[d];
    segment->next = NULL;
    segment->number = line->numbers++;
    segment->queued_us = now;
    segment->length = (size_t)n;
    segment->written = 0;
    flow->queued += segment->length;
    line->queued += segment->length;
    line->queued_max = line->queued > line->queued_max ? line->queued : line->queued_max;
    *flow->queue_end = segment;
    flow->queue_end = &segment->next;
    segment = NULL;
    return true;
}

bool line_read(struct link *l, enum direction d, uint64_t now)
{
    bool progress = false, any = true;
    while (any) {
        any = false;
        for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
            any |= read_segment(l, &l->connections[(l->line[d].turn + i) % CONNECTIONS_MAX], d, now);
        progress |= any;
    }
    return progress;
}

// Whose segment the bottleneck serves next.
static struct flow *next_flow(struct link *l, enum direction d)
{
    struct flow *next = NULL;
    for (unsigned i = 1; i <= CONNECTIONS_MAX; i++) {
        unsigned index = (l->line[d].turn + i) % CONNECTIONS_MAX;
        struct flow *flow = &l->connections[index].flow[d];
        if (!l->connections[index].open || !flow->queue)
            continue;
        if (l->fair) {
            l->line[d].turn = index;
            return flow;
        }
        if (!next || flow->queue->number < next->queue->number)
            next = flow;
    }
    return next;
}

bool line_serve(struct link *l, enum direction d, uint64_t now)
{
    struct line *line = &l->line[d];
    struct flow *flow = l->dark || line->free_us > now ? NULL : next_flow(l, d);
    if (!flow)
        return false;
    struct segment *segment = flow->queue;
    flow->queue = segment->next;
    if (!flow->queue)
        flow->queue_end = &flow->queue;
    uint64_t from = line->free_us > segment->queued_us ? line->free_us : segment->queued_us;
    line->free_us = from + segment->length * 1000000 / line->rate;
    line->queued -= segment->length;
    line->carried += segment->length;
    flow->queued -= segment->length;
    flow->travelling += segment->length;
    segment->arrives_us = line->free_us + l->way_us;
    segment->next = NULL;
    *flow->way_end = segment;
    flow->way_end = &segment->next;
    return true;
}

void line_deliver(struct connection *c, enum direction d, uint64_t now)
{
    struct flow *flow = &c->flow[d];
    while (flow->way && flow->way->arrives_us <= now) {
        struct segment *segment = flow->way;
        ssize_t n = send(c->fd[!d], segment->data + segment->written, segment->length - segment->written,
                         MSG_NOSIGNAL);
        flow->broken |= n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN;
        if (n < 0)
            return;
        segment->written += (size_t)n;
        flow->travelling -= (size_t)n;
        if (segment->written < segment->length)
            return;
        flow->way = segment->next;
        if (!flow->way)
            flow->way_end = &flow->way;
        free(segment);
    }
    if (flow->ended && !flow->queue && !flow->way && !flow->shut) {
        shutdown(c->fd[!d], SHUT_WR);
        flow->shut = true;
    }
}
