#include "server/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "server/clock.h"
#include "server/sandboxes.h"
#include "server/server.h"

#define RETRY_US SECOND_US

static void run(struct work_job *job, struct store *store)
{
    struct record *record = lws_container_of(job, struct record, job);
    const struct id *id = &record->sent.id;
    switch (record->writing) {
    case RECORD_STARTED:
        record->error = store_sandbox_started(store, id, record->sent.start, &record->row);
        return;
    case RECORD_CHANGED:
        record->error =
            store_sandbox_changed(store, id, &record->sent.limits, record->sent.network, &record->row);
        return;
    case RECORD_MOVED:
        record->error = store_sandbox_moved(store, id, record->sent.expires_us, record->sent.idle_expires_us,
                                            &record->row);
        return;
    case RECORD_STOPPING:
        record->error = store_sandbox_stopping(store, id, record->sent.reason, &record->row);
        return;
    case RECORD_ACTIVE:
        record->error = store_sandbox_active_at(store, id, record->sent.active_us);
        return;
    case RECORD_ENDED:
        // Reason, detail and usage no longer change once the end is known.
        record->error =
            store_sandbox_ended(store, id, record->reason, record->detail, &record->usage, &record->row);
        return;
    case RECORD_CHANGE_COUNT:
        break;
    }
    abort();
}

static void write_next(struct record *record);

static void done(struct work_job *job)
{
    struct record *record = lws_container_of(job, struct record, job);
    struct sandbox *sandbox = record->sandbox;
    // The next change may begin to be written before this one is told.
    enum record_change change = record->writing;
    struct store_sandbox row = record->row;
    int error = record->error;
    bool again = error && error != -ENOENT;
    record->busy = false;
    if (again) {
        record->wanted |= 1u << change;
        loop_timer_set(sandboxes_server(sandbox->sandboxes)->loop, &record->retry, RETRY_US);
    } else {
        write_next(record);
    }
    sandbox_recorded(sandbox, change, error, &row); // may free the sandbox
}

static void write_next(struct record *record)
{
    if (record->busy || !record->wanted)
        return;
    struct server *server = sandboxes_server(record->sandbox->sandboxes);
    unsigned change = 0;
    while (!(record->wanted & (1u << change)))
        change++;
    record->writing = (enum record_change)change;
    record->sent.id = record->sandbox->row.id;
    record->sent.start = record->start;
    record->sent.reason = record->reason;
    record->sent.active_us = record->active_us;
    record->sent.expires_us = record->expires_us;
    record->sent.idle_expires_us = record->idle_expires_us;
    record->sent.limits = record->limits;
    memcpy(record->sent.network, record->network, sizeof(record->network));
    record->error = -ECANCELED;
    record->job = (struct work_job){.run = run, .done = done};
    record->busy = work_submit(server->work, WORK_DATABASE, &record->job) == 0;
    if (record->busy)
        record->wanted &= ~(1u << change); // wished again meanwhile, it is written again
    else
        loop_timer_set(server->loop, &record->retry, RETRY_US);
}

static void on_retry(void *data)
{
    write_next(data);
}

void record_init(struct record *record, struct sandbox *sandbox)
{
    *record = (struct record){.sandbox = sandbox};
    record->retry = (struct loop_timer){.fire = on_retry, .data = record};
}

void record_finish(struct record *record)
{
    if (record->busy)
        abort();
    loop_timer_cancel(&record->retry);
}

void record_started(struct record *record, enum store_start start)
{
    record->start = start;
    record->wanted |= 1u << RECORD_STARTED;
    write_next(record);
}

void record_changed(struct record *record, const struct sandbox_limits *limits, const char *network)
{
    record->limits = *limits;
    snprintf(record->network, sizeof(record->network), "%s", network);
    record->wanted |= 1u << RECORD_CHANGED;
    write_next(record);
}

bool record_waits(const struct record *record, enum record_change change)
{
    return record->wanted & (1u << change);
}

void record_moved(struct record *record, int64_t expires_us, int64_t idle_expires_us)
{
    record->expires_us = expires_us;
    record->idle_expires_us = idle_expires_us;
    record->wanted |= 1u << RECORD_MOVED;
    write_next(record);
}

void record_stopping(struct record *record, enum stop_reason reason)
{
    record->reason = reason;
    record->wanted |= 1u << RECORD_STOPPING;
    write_next(record);
}

void record_active(struct record *record, int64_t active_us)
{
    record->active_us = active_us;
    record->wanted |= 1u << RECORD_ACTIVE;
    write_next(record);
}

void record_ended(struct record *record, enum stop_reason reason, const char *detail,
                  const struct sandbox_usage *usage)
{
    record->reason = reason;
    snprintf(record->detail, sizeof(record->detail), "%s", detail);
    record->usage = usage ? *usage : SANDBOX_USAGE_UNKNOWN;
    record->wanted = 1u << RECORD_ENDED; // what is being written goes on; what only waited is out of date
    write_next(record);
}
