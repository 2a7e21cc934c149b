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

#include "line.h"

#define SOCKET_BUFFER 16384 // the kernel's own buffers count as part of the queue, so they are small
#define NEVER UINT64_MAX
#define FD_STDIN 1u
#define FD_TIMER 2u
#define FD_LISTENER 16u
#define FD_CONNECTION 64u // and its side in the lowest bit

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

static void close_connection(struct link *l, struct connection *c)
{
    for (int side = 0; side < 2; side++) {
        close(c->fd[side]);
        l->line[side].queued -= c->flow[side].queued;
        line_forget(&c->flow[side]);
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
    if (connect(server, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
        fail("connect");
    struct connection *c = &l->connections[index];
    *c = (struct connection){.open = true, .fd = {client, server}};
    for (int side = 0; side < 2; side++) {
        c->flow[side].queue_end = &c->flow[side].queue;
        c->flow[side].way_end = &c->flow[side].way;
        watch(l, EPOLL_CTL_ADD, c->fd[side], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
              FD_CONNECTION + index * 2 + (unsigned)side);
    }
}

static void earliest(uint64_t *when, uint64_t candidate)
{
    *when = candidate < *when ? candidate : *when;
}

// Moves everything that can move, and sets the timer to when more can.
static void advance(struct link *l)
{
    uint64_t now = now_us(), wake = NEVER;
    for (enum direction d = UP; d <= DOWN; d++) {
        while (line_read(l, d, now) | line_serve(l, d, now))
            continue;
        if (!l->dark && l->line[d].queued > 0)
            earliest(&wake, l->line[d].free_us);
    }
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &l->connections[i];
        for (enum direction d = UP; c->open && d <= DOWN; d++) {
            line_deliver(c, d, now);
            if (c->flow[d].way && c->flow[d].way->arrives_us > now)
                earliest(&wake, c->flow[d].way->arrives_us);
        }
        if (c->open &&
            ((c->flow[UP].shut && c->flow[DOWN].shut) || c->flow[UP].broken || c->flow[DOWN].broken))
            close_connection(l, c);
    }
    struct itimerspec when = {0};
    if (wake != NEVER) {
        when.it_value.tv_sec = (time_t)(wake / 1000000);
        when.it_value.tv_nsec = (long)(wake % 1000000 * 1000) + 1;
    }
    if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        fail("timerfd_settime");
}

static void set_rates(struct link *l, unsigned up_kbps, unsigned down_kbps)
{
    l->line[UP].rate = up_kbps ? up_kbps * UINT64_C(125) : 1;
    l->line[DOWN].rate = down_kbps ? down_kbps * UINT64_C(125) : 1;
}

static void obey(struct link *l, const char *command)
{
    unsigned a, b;
    if (strcmp(command, "dark") == 0 || strcmp(command, "light") == 0) {
        l->dark = command[0] == 'd';
        for (enum direction d = UP; d <= DOWN; d++)
            l->line[d].free_us = now_us(); // what was not carried in the dark is not carried at once now
    } else if (sscanf(command, "rate %u %u", &a, &b) == 2) {
        set_rates(l, a, b);
    } else if (sscanf(command, "delay %u", &a) == 1) {
        l->way_us = a * UINT64_C(500);
    } else if (strcmp(command, "bytes") == 0) {
        printf("%" PRIu64 " %" PRIu64 " %zu %zu\n", l->line[UP].carried, l->line[DOWN].carried,
               l->line[UP].queued_max, l->line[DOWN].queued_max);
        fflush(stdout);
        return;
    } else {
        fprintf(stderr, "unknown command: %s\n", command);
        exit(1);
    }
    puts("ok");
    fflush(stdout);
}

static void read_commands(struct link *l)
{
    ssize_t n =
        read(STDIN_FILENO, l->command + l->command_length, sizeof(l->command) - 1 - l->command_length);
    if (n <= 0)
        exit(0);
    l->command_length += (size_t)n;
    l->command[l->command_length] = 0;
    for (char *end; (end = strchr(l->command, '\n'));) {
        *end = 0;
        obey(l, l->command);
        l->command_length -= (size_t)(end + 1 - l->command);
        memmove(l->command, end + 1, l->command_length + 1);
    }
}

static void listen_for(struct link *l, unsigned target)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    set_buffers(fd); // before any connection: the window scale is agreed on at its start
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        fail("listen");
    l->listeners[target] = fd;
    watch(l, EPOLL_CTL_ADD, fd, EPOLLIN, FD_LISTENER + target);
    printf(target ? " %u" : "%u", ntohs(address.sin_port));
}

static void on_event(struct link *l, uint32_t name, uint32_t events)
{
    if (name == FD_STDIN) {
        read_commands(l);
    } else if (name >= FD_CONNECTION) {
        struct connection *c = &l->connections[(name - FD_CONNECTION) / 2];
        if (c->open && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
            c->flow[(name - FD_CONNECTION) % 2].readable = true;
    } else if (name >= FD_LISTENER) {
        accept_connection(l, name - FD_LISTENER);
    }
}

int main(int argc, char **argv)
{
    static struct link l;
    if (argc < 7 || argc - 6 > TARGETS_MAX) {
        fprintf(stderr, "usage: link UP_KBPS DOWN_KBPS ROUND_TRIP_MS QUEUE_BYTES fair|fifo TARGET_PORT...\n");
        return 2;
    }
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l.epoll < 0 || l.timer < 0)
        fail("epoll");
    set_rates(&l, (unsigned)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10));
    l.way_us = strtoul(argv[3], NULL, 10) * 500;
    l.queue_max = strtoul(argv[4], NULL, 10);
    l.fair = strcmp(argv[5], "fair") == 0;
    for (int i = 6; i < argc; i++) {
        l.targets[l.target_count] = (uint16_t)strtoul(argv[i], NULL, 10);
        listen_for(&l, l.target_count++);
    }
    printf("\n");
    fflush(stdout);
    watch(&l, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, FD_STDIN);
    watch(&l, EPOLL_CTL_ADD, l.timer, EPOLLIN | EPOLLET, FD_TIMER);
    for (;;) {
        struct epoll_event events[32];
        int count = epoll_wait(l.epoll, events, 32, -1);
        for (int i = 0; i < count; i++)
            on_event(&l, events[i].data.u32, events[i].events);
        advance(&l);
    }
}
