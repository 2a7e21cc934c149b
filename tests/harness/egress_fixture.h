#pragma once
// A sandbox-egress process between two networks that the test makes: `inside`, a network namespace as a sandbox has
// it, and `outside`, with servers and a name server on public, private and metadata addresses. Needs root.

#include <stdbool.h>
#include <sys/types.h>

#include "lib/egress_channel.h"

#define OUTSIDE_ADDRESS "45.0.0.2"
#define OUTSIDE_SECOND "45.0.0.3"
#define OUTSIDE_PRIVATE "10.9.0.1"
#define OUTSIDE_METADATA "169.254.169.254"
#define NODE_ADDRESS "45.0.0.1"
#define OUTSIDE6_ADDRESS "2a0a::2"
#define OUTSIDE6_PRIVATE "fd00:9::1"
#define NODE6_ADDRESS "2a0a::1"

struct egress_fixture {
    int inside, node, outside; // network namespaces
    int channel;
    int listener; // the copy that sandboxd keeps
    pid_t pid;
    struct id sandbox;
    uint64_t serial;
    char log[64]; // path of the proxy's log
};

// The networks alone: `inside`, `node` and `outside` of the fixture.
void egress_make_networks(struct egress_fixture *fixture);
// The calling thread is on the node from here on, with its name server, for good. 0 or -errno.
int egress_become_node(const struct egress_fixture *fixture);
// Starts it with the sandbox added and an empty policy. `maximum` and `quota` as struct egress_add.
void egress_start(struct egress_fixture *fixture, unsigned maximum, uint64_t quota);
void egress_stop(struct egress_fixture *fixture);
// The proxy alone: for tests that end it.
void egress_spawn(struct egress_fixture *fixture);
void egress_wait(struct egress_fixture *fixture, int *ret_status);

void egress_receive(struct egress_fixture *fixture, uint32_t kind, struct egress_message *ret_message);
void egress_add_sandbox(struct egress_fixture *fixture, unsigned maximum, uint64_t quota);
// The rules as egress_rule_parse reads them, ended by NULL. The number of connections that were closed.
unsigned egress_set_rules(struct egress_fixture *fixture, const char *const *rules);
unsigned egress_set_policy(struct egress_fixture *fixture, const struct egress_policy *policy);
struct egress_counters egress_count(struct egress_fixture *fixture);
#define EGRESS_RULES(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

// A client inside. -1 when the connection is refused.
int egress_client(struct egress_fixture *fixture);
void egress_write(int fd, const char *text);
// Reads until the peer ends or `until` was seen ("": only the end); at most size - 1 bytes, NUL-terminated. Fails the
// test after its deadline.
size_t egress_read(int fd, const char *until, char *text, size_t size);
// A whole exchange on a connection of its own: what came back, until the end.
void egress_ask(struct egress_fixture *fixture, const char *request, char *text, size_t size);
// When what a test waits for from now on must have come (monotonic, ms), and whether that is over.
int64_t egress_deadline(void);
bool egress_is_late(int64_t deadline);
// True once the peer has closed; fails the test after the deadline.
bool egress_closed(int fd);
// What the rebinding name resolves to from here on.
void egress_rebind(const char *address);
// Questions that the name server got for names that end so.
unsigned egress_questions(const char *suffix);
bool egress_logged(struct egress_fixture *fixture, const char *text);
