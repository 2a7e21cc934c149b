#pragma once
// The channel between sandbox-server (the client) and sandboxd: requests, answers and events as fixed-size
// messages. Both halves of the codec stand here; a message is valid only when kind, size, number of
// descriptors, ranges and terminators all fit.
//
// The client says HELLO first and waits for WELCOME. Answers carry the id of the sandbox (or viewer) they
// belong to and may come in any order. sandboxd re-decides everything: a number out of its own limits is
// refused whatever the client asked.
//
// A network policy travels ahead of the request that uses it: NETWORK_BEGIN, its HEADERs and RULEs in order, then
// CREATE (with `network` 1) or SET_NETWORK. Requests without a policy may stand between them. sandboxd tells a policy behind ENTRY:
// its ENTRY_HEADERs and ENTRY_RULEs in order, and no other ENTRY between them.

#include <stdbool.h>
#include <stdint.h>

#include "lib/command_words.h"
#include "lib/egress_reason.h"
#include "lib/egress_rule.h"
#include "lib/ids.h"
#include "lib/ipc.h"
#include "lib/isolation.h"
#include "lib/limits.h"
#include "lib/policy.h"

#define SANDBOXD_CHANNEL_VERSION 8u

enum sandboxd_kind {
    // client to sandboxd
    SANDBOXD_HELLO = 1,
    SANDBOXD_CREATE,
    SANDBOXD_STOP,
    SANDBOXD_LIST,          // answered by one ENTRY per sandbox and LIST_END
    SANDBOXD_ATTACH,        // a viewer: answered by ATTACHED with the stream descriptor, or ATTACH_FAILED
    SANDBOXD_SET_LIMITS,    // of a running sandbox: answered by LIMITS_SET
    SANDBOXD_NETWORK_BEGIN, // no answer, as for HEADER and RULE
    SANDBOXD_NETWORK_HEADER,
    SANDBOXD_NETWORK_RULE,
    SANDBOXD_SET_NETWORK, // of a running sandbox: answered by NETWORK_SET
    SANDBOXD_RUN, // in a ready sandbox without a desktop, once: its end is the sandbox's, ENDED tells the status
    SANDBOXD_EXPORT, // answered by EXPORTED with the exporter's descriptor, or EXPORT_FAILED
    // sandboxd to client
    SANDBOXD_WELCOME = 64,
    SANDBOXD_READY,  // the sandbox's desktop is usable
    SANDBOXD_FAILED, // CREATE was refused or the start failed; the sandbox does not exist
    SANDBOXD_ENDED,  // the last process is gone
    SANDBOXD_ENTRY,
    SANDBOXD_LIST_END,
    SANDBOXD_ATTACHED,
    SANDBOXD_ATTACH_FAILED,
    SANDBOXD_LIMITS_SET,
    SANDBOXD_NETWORK_SET,
    SANDBOXD_ENTRY_HEADER,
    SANDBOXD_ENTRY_RULE,
    SANDBOXD_EGRESS, // after WELCOME, and about every 10 s while it changes
    SANDBOXD_POOL,   // after WELCOME and whenever it changes; never where nothing is kept ready
    SANDBOXD_EXPORTED,
    SANDBOXD_EXPORT_FAILED,
};

enum sandbox_template {
    TEMPLATE_DESKTOP,
    TEMPLATE_CODE, // profile code, no X server, nothing kept: waits for one command
    TEMPLATE_COUNT
};

struct sandbox_limits {
    uint32_t memory_mb;   // MiB
    uint32_t cpu_percent; // 100 = one core
    uint32_t pids;
};

struct sandbox_usage {
    uint64_t cpu_us;            // UINT64_MAX: unknown
    uint64_t peak_memory_bytes; // UINT64_MAX: unknown
    // Through sandbox-egress; all four are UINT64_MAX when unknown
    uint64_t network_in_bytes, network_out_bytes; // towards the sandbox, and from it
    uint64_t network_allowed, network_refused;    // requests
    uint64_t processes;         // and their threads, the most at one time; UINT64_MAX: unknown
    uint64_t refused_processes; // for the limit; UINT64_MAX: unknown
    // To disk, at least: what a tmpfs took does not count. UINT64_MAX: unknown
    uint64_t written_bytes;
};
#define SANDBOX_USAGE_UNKNOWN                                                                                \
    ((struct sandbox_usage){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,          \
                            UINT64_MAX, UINT64_MAX, UINT64_MAX})

enum start_stage {
    START_REFUSED, // out of range, over the node's maximum, or an id in use: see error
    START_HOME,
    START_CGROUP,
    START_NAMESPACES,
    START_MOUNTS,
    START_CONFINEMENT,
    START_DISPLAY,
    START_WINDOW_MANAGER,
    START_STAGE_COUNT,
};

struct sandboxd_hello {
    uint32_t version;
};

struct sandboxd_create {
    struct id sandbox;
    struct id owner;
    uint32_t account_number; // 1 .. ACCOUNT_NUMBER_MAX: the owner's host uid above SANDBOX_UID_BASE
    uint32_t template_id;    // enum sandbox_template
    struct sandbox_limits limits;
    uint32_t network;            // 1: the policy that came before it; 0: none, nothing can be reached
    struct stream_policy policy; // of a desktop; else zeros
};

struct sandboxd_stop {
    struct id sandbox;
    uint32_t reason; // enum stop_reason, reported back with ENDED
};

struct sandboxd_attach {
    struct id sandbox;
    uint64_t viewer;   // the client's own number for this viewer
    uint8_t view_only; // 1: input is refused by the streamer as well
    uint8_t alone;     // 1: the client has no other stream of this sandbox, so that nobody holds a key
    uint8_t reserved[6];
};

struct sandboxd_set_limits {
    struct id sandbox;
    struct sandbox_limits limits; // all three are set
    uint32_t reserved;
};

struct sandboxd_network_begin {
    uint32_t rule_count;   // 0 .. EGRESS_RULES_MAX
    uint32_t header_count; // 0 .. EGRESS_HEADERS_MAX
};

struct sandboxd_set_network {
    struct id sandbox;
    uint64_t serial; // the client's own number for this policy, higher each time
};

struct sandboxd_run {
    struct id sandbox;
    struct command_words command;
};

struct sandboxd_export {
    uint64_t number; // the client's own for this film
};

struct sandboxd_welcome {
    uint32_t version;
    uint32_t sandbox_count;
    uint32_t sandbox_maximum;
    uint32_t display_width; // of TEMPLATE_DESKTOP
    uint32_t display_height;
    uint32_t pid; // of sandboxd: behind a socket that systemd listens on, the kernel would name systemd
    struct layer_report layers[LAYER_COUNT]; // of this host
};

struct sandboxd_ready {
    struct id sandbox;
    uint32_t start_us; // from CREATE to usable
    uint32_t parked;   // 1: it was kept ready and claimed, 0: a cold start
};

struct sandboxd_failed {
    struct id sandbox;
    uint32_t stage; // enum start_stage
    int32_t error;  // positive errno
};

struct sandboxd_ended {
    struct id sandbox;
    uint32_t reason; // enum stop_reason
    int32_t status;  // of the command, as waitpid(2), with STOP_EXITED and STOP_SIGNALLED; else 0
    struct sandbox_usage usage;
};

struct sandboxd_entry {
    struct id sandbox;
    struct id owner;
    uint32_t template_id;
    uint32_t ready; // 1: running, 0: starting
    struct sandbox_limits limits;
    uint32_t viewers;
    uint32_t header_count,
        rule_count; // of its network policy: what sandbox-egress was told, or is being told
    struct sandbox_usage usage;
    // At this moment, as the limits count them
    uint64_t memory_bytes; // UINT64_MAX: unknown
    uint64_t tasks;        // processes and their threads; UINT64_MAX: unknown
};

struct sandboxd_entry_header {
    char name[EGRESS_HEADER_NAME_MAX]; // as in struct egress_header; its value is told to nobody
};

struct sandboxd_attached { // with one descriptor: the stream's socket
    struct id sandbox;
    uint64_t viewer;
};

struct sandboxd_attach_failed {
    struct id sandbox;
    uint64_t viewer;
    int32_t error; // positive errno: ENOENT no such sandbox, EUSERS too many viewers, or what failed
    uint32_t reserved;
};

struct sandboxd_limits_set {
    struct id sandbox;
    struct sandbox_limits limits; // in force from here on
    int32_t
        error; // 0, or a positive errno: ENOENT no such sandbox, ERANGE more than the node gives, ENOTSUP no control groups, EBUSY more
               // memory in use than the new limit; the old ones hold then
};

// The policy of that serial, and with it each earlier one, is decided: the last one that was set is in force.
struct sandboxd_network_set {
    struct id sandbox;
    uint64_t serial;
    uint32_t closed; // connections that it forbids
    int32_t
        error; // 0, or a positive errno: ENOENT no such sandbox, or sandbox-egress refused it; the old one holds then
};

struct sandboxd_pool_row { // of one template
    uint32_t size;         // kept ready, at most
    uint32_t ready;
    uint32_t building; // or ending
    uint32_t losses;   // in a row: those that failed or died before anybody claimed one
};

struct sandboxd_pool {
    struct sandboxd_pool_row rows[TEMPLATE_COUNT];
    uint32_t memory_mb; // that they may take together
    uint32_t held_mb;   // that those there are may take
    uint32_t
        foundation_error; // positive errno: why sandboxes for commands can't be copied (sandbox/DESIGN.md), and start slower
    uint32_t reserved;
};

struct sandboxd_exported { // with one descriptor: lib/export_channel.h
    uint64_t number;
};

struct sandboxd_export_failed {
    uint64_t number;
    int32_t error; // positive errno: EUSERS all exporters are busy, or what failed
    uint32_t reserved;
};

struct sandboxd_message {
    uint32_t kind; // enum sandboxd_kind
    uint32_t reserved;
    union {
        struct sandboxd_hello hello;
        struct sandboxd_create create;
        struct sandboxd_stop stop;
        struct sandboxd_attach attach;
        struct sandboxd_set_limits set_limits;
        struct sandboxd_run run;
        struct sandboxd_export export;
        struct sandboxd_network_begin network_begin;
        struct egress_header network_header;
        struct egress_rule network_rule;
        struct sandboxd_set_network set_network;
        struct sandboxd_welcome welcome;
        struct sandboxd_ready ready;
        struct sandboxd_failed failed;
        struct sandboxd_ended ended;
        struct sandboxd_entry entry;
        struct sandboxd_entry_header entry_header;
        struct egress_rule entry_rule;
        struct sandboxd_attached attached;
        struct sandboxd_attach_failed attach_failed;
        struct sandboxd_limits_set limits_set;
        struct sandboxd_network_set network_set;
        struct sandboxd_pool pool;
        struct egress_totals egress; // since sandboxd's start
        struct sandboxd_exported exported;
        struct sandboxd_export_failed export_failed;
    };
};

enum channel_side { CHANNEL_CLIENT, CHANNEL_SERVER };

// The bytes of a message on the wire, header included; 0 for an unknown kind.
size_t sandboxd_message_size(uint32_t kind);
// Checks received bytes (with the count of descriptors that came along) as sent by `sender`. 0, or -EPROTO;
// ret_message is untouched then.
int sandboxd_message_decode(const void *data, size_t length, size_t fd_count, enum channel_side sender,
                            struct sandboxd_message *ret_message);
// Sends one message (fd -1: without a descriptor). As ipc_send; aborts when the message would not decode.
int sandboxd_message_send(int socket, const struct sandboxd_message *message, enum channel_side sender,
                          int fd);

// Names for logs and problem documents. NULL when out of range.
const char *start_stage_name(uint32_t stage);
const char *template_name(uint32_t template_id); // "desktop"
