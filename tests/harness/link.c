// A thin, long way for TCP connections: what a router with a slow line does, in one process.
//
// usage: link UP_KBPS DOWN_KBPS ROUND_TRIP_MS QUEUE_BYTES fair|fifo TARGET_PORT...
//
// Listens on a free loopback port for each target and prints the ports in one line. Up is towards the targets. Each direction is one
// bottleneck for all connections: a bounded queue, served at its rate, then half of the round trip. `fair` serves the connections in
// turns, as fq_codel does, each with a queue of its own; `fifo` has one queue for all. A full queue stops reading: the sender's TCP waits,
// as it does for a lost segment. Commands on stdin, one per line: "dark" (carries nothing), "light", "rate UP_KBPS DOWN_KBPS",
// "delay ROUND_TRIP_MS", "bytes" (answers with those carried up and down, and the most that was queued). Ends with its stdin.

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define CONNECTIONS_MAX 64
#define TARGETS_MAX 8
#define SEGMENT 1448u         // what one turn of a connection carries
#define SOCKET_BUFFER 16384   // the kernel's own buffers count as part of the queue, so they are small
#define NEVER UINT64_MAX
#define FD_STDIN 1u
#define FD_TIMER 2u
#define FD_LISTENER 16u
#define FD_CONNECTION 64u // and its side in the lowest bit

enum direction { UP, DOWN };

struct segment {
    struct segment *next;
    uint64_t arrives_us;
    size_t length, written;
    uint8_t data[SEGMENT];
};

// One direction of one connection: waiting for the bottleneck, then on the way.
struct flow {
    struct segment *queue, **queue_end;
    struct segment *way, **way_end;
    size_t queued, travelling;
    bool readable, ended, shut;
};

struct connection {
    bool open;
    int fd[2]; // [UP]: where its up data comes from (the client); [DOWN]: the target
    bool connecting;
    struct flow flow[2];
};

struct line {
    uint64_t rate; // bytes per second
    uint64_t free_us;
    size_t queued, queued_max;
    uint64_t carried;
    unsigned turn;
};

struct link {
    int epoll, timer;
    struct connection connections[CONNECTIONS_MAX];
    int listeners[TARGETS_MAX];
    uint16_t targets[TARGETS_MAX];
    unsigned target_count;
    struct line line[2];
    uint64_t way_us;
    size_t queue_max;
    bool fair, dark;
    char command[128];
    size_t command_length;
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void watch(struct link *l, int operation, int fd, uint32_t events, uint32_t name)
{
    struct epoll_event event = {.events = events, .data.u32 = name};
    if (epoll_ctl(l->epoll, operation, fd, &event) < 0)
        fail("epoll_ctl");
}

static void set_buffers(int fd)
{
    int size = SOCKET_BUFFER, on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        fail("setsockopt");
}

static void free_segments(struct segment *segment)
{
    while (segment) {
        struct segment *next = segment->next;
        free(segment);
        segment = next;
    }
}

static void close_connection(struct link *l, struct connection *c)
{
    for (int side = 0; side < 2; side++) {
        close(c->fd[side]);
        l->line[side].queued -= c->flow[side].queued;
        free_segments(c->flow[side].queue);
        free_segments(c->flow[side].way);
    }
    *c = (struct connection){.fd = {-1, -1}};
}

static void accept_connection(struct link *l, unsigned target)
{
    int client = accept4(l->listeners[target], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return;
    unsigned index = 0;
    while (index < CONNECTIONS_MAX && l->connections[index].open)
        index++;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (index == CONNECTIONS_MAX || server < 0)
        fail("too many connections");
    set_buffers(client);
    set_buffers(server);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(l->targets[target]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool connecting = connect(server, (struct sockaddr *)&address, sizeof(address)) < 0;
    if (connecting && errno != EINPROGRESS)
        fail("connect");
    struct connection *c = &l->connections[index];
    *c = (struct connection){.open = true, .fd = {client, server}, .connecting = connecting};
    for (int side = 0; side < 2; side++) {
        c->flow[side].queue_end = &c->flow[side].queue;
        c->flow[side].way_end = &c->flow[side].way;
        watch(l, EPOLL_CTL_ADD, c->fd[side], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
              FD_CONNECTION + index * 2 + (unsigned)side);
    }
}

static bool has_room(const struct link *l, enum direction d, const struct flow *flow)
{
    return (l->fair ? flow->queued : l->line[d].queued) < l->queue_max;
}

// Takes one segment of a connection into the queue. false when there was none.
static bool read_segment(struct link *l, struct connection *c, enum direction d)
{
    struct flow *flow = &c->flow[d];
    if (!c->open || !flow->readable || flow->ended || !has_room(l, d, flow))
        return false;
    struct segment *segment = malloc(sizeof(*segment));
    if (!segment)
        fail("malloc");
    ssize_t n = read(c->fd[d], segment->data, SEGMENT);
    if (n <= 0) {
        free(segment);
        flow->readable = false;
        flow->ended = n == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    *segment = (struct segment){.length = (size_t)n};
    return true;
}
