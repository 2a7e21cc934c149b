#pragma once
// One direction of the way: what waits for the bottleneck, and what is on its way behind it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTIONS_MAX 64
#define TARGETS_MAX 8
#define SEGMENT 1448u // what one turn of a connection carries

enum direction { UP, DOWN };

struct segment {
    struct segment *next;
    uint64_t number; // in order of its coming
    uint64_t queued_us, arrives_us;
    size_t length, written;
    uint8_t data[SEGMENT];
};

// One direction of one connection: waiting for the bottleneck, then on the way.
struct flow {
    struct segment *queue, **queue_end;
    struct segment *way, **way_end;
    size_t queued, travelling;
    bool readable, ended, shut, broken;
};

struct connection {
    bool open;
    int fd[2]; // [UP]: where its up data comes from (the client); [DOWN]: the target
    struct flow flow[2];
};

struct line {
    uint64_t rate; // bytes per second
    uint64_t free_us;
    size_t queued, queued_max;
    uint64_t carried, numbers;
    unsigned turn; // of reading and, when fair, of serving
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

// Takes into the queue what the connections have sent and it has room for. Whether there was any.
bool line_read(struct link *l, enum direction d, uint64_t now);
// Sends the next segment on its way, if the bottleneck is free. Whether it did.
bool line_serve(struct link *l, enum direction d, uint64_t now);
// Hands over what has arrived.
void line_deliver(struct connection *c, enum direction d, uint64_t now);
void line_forget(struct flow *flow);
