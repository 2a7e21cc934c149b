#include "server/pruning.h"

#include <stdlib.h>

#include "server/clock.h"
#include "server/recording_files.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "store/snapshot.h"

#define INTERVAL_US (5 * 60 * SECOND_US)
#define FIRST_US SECOND_US
#define DAY (24 * 3600) // seconds

struct pruning {
    struct server *server;
    struct work_job job;
    int error;
    int64_t backup; // when the newest one was finished
    struct loop_timer timer;
};

static void run(struct work_job *job, struct store *store)
{
    // What stays because the database is away goes the next time.
    (void)store_prune(store);
    struct pruning *pruning = lws_container_of(job, struct pruning, job);
    int64_t kept = config_number(pruning->server->config, CONFIG_SANDBOX_RETENTION_DAYS);
    if (kept)
        (void)store_prune_sandboxes(store, kept);
    int64_t days = config_number(pruning->server->config, CONFIG_RECORDING_RETENTION_DAYS);
    int64_t now = clock_wall_us() / SECOND_US;
    recordings_prune(config_text(pruning->server->config, CONFIG_RECORDINGS_DIR),
                     days ? now - days * DAY : INT64_MIN, now - DAY);
    pruning->error = store_backup_last(store, pruning->server->node, &pruning->backup);
}

static void done(struct work_job *job)
{
    struct pruning *pruning = lws_container_of(job, struct pruning, job);
    if (!pruning->error)
        pruning->server->metrics.backup_us = (uint64_t)pruning->backup;
    sandboxes_read_wishes(pruning->server->sandboxes); // also what was announced and not heard
    loop_timer_set(pruning->server->loop, &pruning->timer, INTERVAL_US);
}

static void on_timer(void *data)
{
    struct pruning *pruning = data;
    pruning->job = (struct work_job){.run = run, .done = done};
    if (work_submit(pruning->server->work, WORK_DATABASE, &pruning->job) < 0)
        loop_timer_set(pruning->server->loop, &pruning->timer, INTERVAL_US);
}

struct pruning *pruning_new(struct server *server)
{
    struct pruning *pruning = calloc(1, sizeof(*pruning));
    if (!pruning)
        return NULL;
    pruning->server = server;
    pruning->timer = (struct loop_timer){.fire = on_timer, .data = pruning};
    loop_timer_set(server->loop, &pruning->timer, FIRST_US);
    return pruning;
}

void pruning_free(struct pruning *pruning)
{
    if (!pruning)
        return;
    loop_timer_cancel(&pruning->timer);
    free(pruning);
}
