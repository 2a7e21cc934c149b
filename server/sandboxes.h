#pragma once
// The active sandboxes of this node: what sandboxd says of them, what the database shall know of them, who waits for them and who watches
// them. A sandbox stays here from its CREATE (or from reconciliation) until its end is written.

#include "server/change.h"
#include "server/deadlines.h"
#include "server/exchange.h"
#include "server/metrics.h"
#include "server/record.h"
#include "server/sandboxd_client.h"
#include "store/sandbox.h"

struct network_wish;
struct recorder;
struct sandboxes;
struct usage;
struct viewer;

struct sandbox {
    struct sandboxes *sandboxes;
    struct store_sandbox row; // as it was last read or written
    enum store_state state;   // the truth; the row follows
    struct policy policy;     // of its template when it was made
    struct deadlines deadlines;
    int64_t active_us;    // the latest input, wall clock; 0: none yet
    int64_t saved_us;     // the input that the row knows of
    int64_t answer_by_us; // monotonic: sandboxd must have answered START or STOP
    struct loop_timer timer;
    struct record record;
    struct exchange *starters; // waiting for READY
    struct exchange *stoppers; // waiting for the end
    struct change change;
    struct viewer *viewers;
    unsigned viewer_count;
    struct sandbox_traffic {
        uint64_t updates;                    // that streamers have sent
        uint64_t to_browsers, from_browsers; // bytes
        uint64_t inputs, input_us; // that were answered by a painted update, and how long that took in all
    } traffic;                     // of all its viewers, since this process knows it
    struct sandbox_load {
        bool known; // sandboxd has told; each number may be UINT64_MAX nevertheless
        uint64_t cpu_us, memory_bytes, tasks;
    } load;
    struct recorder *recorder; // NULL: it is not recorded
    bool recording_failed;     // the last one
    struct sandbox *next;
};

// What becomes of a sandbox, as sandboxd tells it.
struct sandbox_news {
    struct id sandbox;
    enum sandboxd_kind kind; // READY, FAILED or ENDED
    union {
        struct sandboxd_ready ready;
        struct sandboxd_failed failed;
        struct sandboxd_ended ended;
    };
};

// NULL when memory is out.
struct sandboxes *sandboxes_new(struct server *server);
void sandboxes_free(struct sandboxes *sandboxes);

// Can sandboxes be started and stopped now? False until the lists of sandboxd and the database have been compared.
bool sandboxes_ready(const struct sandboxes *sandboxes);
// Rises with each connection to sandboxd: a row made under another number may have been reconciled away.
unsigned sandboxes_epoch(const struct sandboxes *sandboxes);
struct sandbox *sandboxes_find(const struct sandboxes *sandboxes, const struct id *id);
void sandboxes_gauges(const struct sandboxes *sandboxes, struct metric_gauges *gauges);

// Until the lists are compared nobody knows whether there is that sandbox. True: the exchange's work is done again when they are, since a link
// or a sign-in may have ended meanwhile, then its finish is called again; or it is answered when that takes too long.
bool sandboxes_await(struct sandboxes *sandboxes, const struct id *id, struct exchange *exchange);

// Sends CREATE for a row that was just inserted; the exchange is answered when the sandbox runs or has failed.
void sandboxes_start(struct sandboxes *sandboxes, const struct store_sandbox *row, uint32_t account_number,
                     const struct network_wish *network, struct exchange *exchange);
// Answers the exchange as soon as the start is over.
void sandbox_wait_start(struct sandbox *sandbox, struct exchange *exchange);
// Stops it. `exchange` may be NULL, or is answered when it has ended.
void sandbox_stop(struct sandbox *sandbox, enum stop_reason reason, struct exchange *exchange);
// A person did something.
void sandbox_active(struct sandbox *sandbox);

// sandboxd's events.
void sandboxes_connected(struct sandboxes *sandboxes);
void sandboxes_disconnected(struct sandboxes *sandboxes);
void sandboxes_message(struct sandboxes *sandboxes, const struct sandboxd_message *message);
// Looks through the rows for operators' wishes (stop_requested), and for those that nobody has: they have ended. Again when it fails.
void sandboxes_read_wishes(struct sandboxes *sandboxes);

// For reconcile.c: takes an active row that sandboxd knows, with what it told of it.
void sandboxes_adopt(struct sandboxes *sandboxes, const struct store_sandbox *row,
                     const struct sandboxd_entry *told, const char *network);
// What sandboxd told of a sandbox meanwhile; nothing changes when that is known already.
void sandboxes_news(struct sandboxes *sandboxes, const struct sandbox_news *news);
// For reconcile.c: the lists of sandboxd and the database are compared. Goes on with the requests of sandboxes_await.
void sandboxes_compared(struct sandboxes *sandboxes);
// Ends one that sandboxd does not know. NULL when memory is out: the rows are looked through again in a second.
struct sandbox *sandboxes_lost(struct sandboxes *sandboxes, const struct store_sandbox *row);
// A row has nobody, as memory is out: it ends when the rows are looked through in a second, or as soon after as there is memory.
void sandboxes_abandon(struct sandboxes *sandboxes);
struct usage *sandboxes_usage(struct sandboxes *sandboxes);
struct server *sandboxes_server(const struct sandboxes *sandboxes);
struct sandbox *sandboxes_first(const struct sandboxes *sandboxes);
void sandbox_end(struct sandbox *sandbox, enum stop_reason reason, const char *detail,
                 const struct sandbox_usage *usage);

// For record.c: a change was written, and the row is as given.
void sandbox_recorded(struct sandbox *sandbox, enum record_change change, int error,
                      const struct store_sandbox *row);
