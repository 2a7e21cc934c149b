#pragma once
// What a node tells of its sandboxes at one moment (GET /sandboxes beside /metrics), and what follows from two such moments.

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/ids.h"
#include "lib/limits.h"

#define TOP_TEXT_MAX 48
#define TOP_PROGRAMS_MAX 16
#define TOP_POOLS_MAX 8
#define TOP_UNKNOWN (-1.0) // of a rate or an amount

struct top_row {
    struct id id, account;
    char owner[USERNAME_MAX + 1]; // or the account's id, as long as its name is not known
    char state[TOP_TEXT_MAX];
    unsigned count; // of the sandboxes that it stands for
    int64_t created_us;
    int64_t memory_bytes, tasks; // -1: unknown
    int64_t viewers;
    double cpu_percent, frames, kbit, latency_ms; // TOP_UNKNOWN: not known, or nothing to be measured
    // Since the node's process began; -1: unknown
    int64_t cpu_us, updates, bytes, inputs, input_us;
    double latency_sum_ms, latency_count; // of the interval
};

struct top_program {
    char name[TOP_TEXT_MAX];
    int64_t processes, resident_bytes;
};

struct top_pool {
    char name[TOP_TEXT_MAX];
    int64_t wanted, ready, building;
};

struct top_sample {
    char node[TOP_TEXT_MAX], version[TOP_TEXT_MAX];
    bool sandboxd, ready, draining;
    int64_t maximum;
    int64_t at_us, load_at_us; // monotonic, of the node; load_at_us 0: there are no loads
    int64_t pool_memory_mb, pool_held_mb;
    struct top_pool pools[TOP_POOLS_MAX];
    size_t pool_count;
    struct top_program programs[TOP_PROGRAMS_MAX];
    size_t program_count;
    struct top_row *rows; // owned
    size_t row_count;
};

// Takes nothing from `document`. 0; -EPROTO: it is no such document; -ENOMEM.
int top_sample_read(const json_t *document, struct top_sample *ret_sample);
void top_sample_finish(struct top_sample *sample);

// Fills in the rates of `now` from what has changed since `before`, an earlier sample of the same process (another one's numbers begin anew, and
// nothing is said then).
void top_sample_rates(struct top_sample *now, const struct top_sample *before);

// The sum of all rows. latency_ms is the mean over all inputs.
struct top_row top_sample_total(const struct top_sample *sample);
// One row for each owner instead of one for each sandbox.
void top_sample_by_owner(struct top_sample *sample);

enum top_key {
    TOP_BY_CPU,
    TOP_BY_MEMORY,
    TOP_BY_TASKS,
    TOP_BY_FRAMES,
    TOP_BY_BITRATE,
    TOP_BY_VIEWERS,
    TOP_BY_LATENCY,
    TOP_BY_AGE,
    TOP_BY_OWNER,
    TOP_KEY_COUNT,
};
// The largest, the oldest, or the first name of all first; equal ones by id, so that they keep their places.
void top_sample_sort(struct top_sample *sample, enum top_key key, bool reversed);
