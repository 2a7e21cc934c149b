#pragma once
// One connection of a program in a sandbox, from its first byte to its last.

#include "egress/flow.h"
#include "egress/sandbox.h"

enum connection_state {
    CONNECTION_READING,    // a request's head
    CONNECTION_RESOLVING,  // its name
    CONNECTION_CONNECTING, // to one of its addresses
    CONNECTION_OPEN,       // bytes flow
    CONNECTION_LINGERING,  // what is left for the client is on its way
};

struct connection {
    struct sandbox *sandbox;
    struct connection *next, *previous; // of the sandbox's list
    enum connection_state state;
    struct watch client, server;
    struct deadline deadline;
    struct input from_client, from_server;
    size_t scanned; // of the head that is being read
    size_t lingered;
    struct flow up, down;

    // The request.
    struct authority authority;
    bool tunnel, to_head, minor, keep, injected;
    bool up_ended;        // nothing more goes to the destination
    bool response_framed; // the response's head was read, or there is none
    bool response_final;
    struct resolve_request resolve;
    struct address candidates[EGRESS_CANDIDATES_MAX];
    size_t candidate_count, candidate; // the next to try
    struct address address;            // that it is connected to
};

// Takes the descriptor.
void connection_accept(struct sandbox *sandbox, int fd);
// Frees it.
void connection_close(struct connection *connection);
// After a change of the policy: closes it when that forbids it. True then, and the connection is gone.
bool connection_recheck(struct connection *connection);

// The parts, each in its own file. A call may end the connection: the caller touches it no more.
void connection_read_request(struct connection *connection); // connection_request.c
void connection_reach(struct connection *connection);        // connection_reach.c
void connection_reached(struct connection *connection);
void connection_serve(struct connection *connection); // connection_serve.c
void connection_on_client(struct watch *watch, uint32_t events);
void connection_on_server(struct watch *watch, uint32_t events);

// Answers and logs the refusal, and closes when the client has it. `detail` for the log, or NULL.
void connection_refuse(struct connection *connection, enum refusal refusal, const char *detail);
// The client has its answer: nothing more is served on this connection.
void connection_linger(struct connection *connection);
// Waits for these events; ends the connection when that fails, and is false.
bool connection_watch(struct connection *connection, uint32_t client, uint32_t server);
void connection_deadline(struct connection *connection, enum deadline_kind kind);
