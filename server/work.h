#pragma once
// What would block the loop (PostgreSQL, Argon2id) runs on worker threads: a job is submitted on the loop, runs on a worker that has its own
// database connection, and is done on the loop again.

#include "server/loop.h"
#include "store/store.h"

enum work_lane {
    WORK_DATABASE,
    WORK_PASSWORD,  // few threads, and a short queue: each takes 64 MiB and a core
    WORK_RECORDING, // what is recorded goes to the disk: no request shares it, but for the few films that are being made
    WORK_PLAYBACK,  // requests for recordings: they ask the database for sign-ins alone
    WORK_LANE_COUNT,
};

struct work;

// The part of a job that the lanes need; embedded in the caller's structure, which must stay until `done`.
struct work_job {
    void (*run)(struct work_job *job, struct store *store); // on a worker
    void (*done)(struct work_job *job);                     // on the loop
    struct work_job *next;
};

// NULL on failure. `database_url` is copied by the stores.
struct work *work_new(struct loop *loop, const char *database_url);
// Waits for running jobs; `done` is called for all that were submitted, run or not.
void work_free(struct work *work);

// -EAGAIN when the lane's queue is full: the job was not taken.
int work_submit(struct work *work, enum work_lane lane, struct work_job *job);
