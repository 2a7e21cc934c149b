#pragma once
// Writes what becomes of a sandbox into its row: one change after the other, each until it is in the database.

#include <stdbool.h>

#include "server/work.h"
#include "store/sandbox.h"

// In the order in which they are written.
enum record_change {
    RECORD_STARTED,
    RECORD_CHANGED,
    RECORD_MOVED,
    RECORD_STOPPING,
    RECORD_ACTIVE,
    RECORD_ENDED,
    RECORD_CHANGE_COUNT
};

struct sandbox;

struct record {
    struct work_job job;
    struct sandbox *sandbox;
    unsigned wanted; // bit per change that is yet to be written
    bool busy;
    enum record_change writing;
    enum stop_reason reason;
    char detail[STORE_STOP_DETAIL_MAX + 1];
    struct sandbox_usage usage;
    enum store_start start;
    int64_t active_us;
    int64_t expires_us, idle_expires_us;
    struct sandbox_limits limits;
    char network[STORE_NETWORK_MAX + 1];
    struct {
        struct id id;
        enum store_start start;
        enum stop_reason reason;
        int64_t active_us;
        int64_t expires_us, idle_expires_us;
        struct sandbox_limits limits;
        char network[STORE_NETWORK_MAX + 1];
    } sent; // the worker's copy
    int error;
    struct store_sandbox row;
    struct loop_timer retry;
};

void record_init(struct record *record, struct sandbox *sandbox);
void record_finish(struct record *record);

void record_started(struct record *record, enum store_start start);
void record_changed(struct record *record, const struct sandbox_limits *limits, const char *network);
// The times of its two limits are others now.
void record_moved(struct record *record, int64_t expires_us, int64_t idle_expires_us);
void record_stopping(struct record *record, enum stop_reason reason);
void record_active(struct record *record, int64_t active_us);
// Is there more to be written of it than is being written now?
bool record_waits(const struct record *record, enum record_change change);
// Nothing else is written after it; `usage` may be NULL.
void record_ended(struct record *record, enum stop_reason reason, const char *detail,
                  const struct sandbox_usage *usage);
