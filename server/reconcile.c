#include "server/reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "server/clock.h"
#include "server/creation.h"
#include "server/network_text.h"
#include "server/operator_changes.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewers.h"
#include "store/snapshot.h"

#define RETRY_US SECOND_US

enum phase { PHASE_IDLE, PHASE_LISTING, PHASE_ROWS, PHASE_COMPLETE };

struct entry {
    struct id id;
    struct sandboxd_entry told;
    json_t *rules; // of its network, as they are stored; owned
    bool taken;    // has a row
    bool changed;  // since it was told of
    struct sandbox_news news;
};

struct reconcile {
    struct sandboxes *sandboxes;
    enum phase phase;
    struct entry entries[SANDBOX_MAX_TOTAL];
    size_t count;
    struct id arriving; // the entry that was told last: what follows belongs to it
    char header_names[EGRESS_HEADERS_MAX][EGRESS_HEADER_NAME_MAX];
    uint32_t headers_told;
    struct sandboxd_entry unknown[SANDBOX_MAX_TOTAL]; // stopped, and yet to be recorded
    struct layer_report layers[LAYER_COUNT];          // of this node
    size_t unknown_count;
    bool wishes;       // the rows are to be read, whatever the phase
    bool wishes_later; // when `retry` rings
    bool busy;
    bool reading;                        // the job reads for PHASE_ROWS
    unsigned generation, job_generation; // an answer for a connection that has gone does not count
    struct work_job job;
    const char *node;
    struct store_sandbox_list rows;
    int error;
    struct loop_timer retry;
};

static void read_rows(struct reconcile *reconcile);

static void on_retry(void *data)
{
    struct reconcile *reconcile = data;
    reconcile->wishes |= reconcile->wishes_later;
    reconcile->wishes_later = false;
    read_rows(reconcile);
}

struct reconcile *reconcile_new(struct sandboxes *sandboxes)
{
    struct reconcile *reconcile = calloc(1, sizeof(*reconcile));
    if (!reconcile)
        return NULL;
    reconcile->sandboxes = sandboxes;
    reconcile->node = sandboxes_server(sandboxes)->node;
    reconcile->retry = (struct loop_timer){.fire = on_retry, .data = reconcile};
    return reconcile;
}

static void forget_entries(struct reconcile *reconcile)
{
    while (reconcile->count > 0)
        json_decref(reconcile->entries[--reconcile->count].rules);
}

void reconcile_free(struct reconcile *reconcile)
{
    if (!reconcile)
        return;
    forget_entries(reconcile);
    loop_timer_cancel(&reconcile->retry);
    store_sandbox_list_finish(&reconcile->rows);
    free(reconcile);
}

void reconcile_begin(struct reconcile *reconcile)
{
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    forget_entries(reconcile);
    reconcile->generation++;
    reconcile->phase = PHASE_LISTING;
    // Unsent: the connection ends, and the next one begins anew.
    (void)sandboxd_client_send(sandboxes_server(reconcile->sandboxes)->sandboxd, &list);
}

void reconcile_abort(struct reconcile *reconcile)
{
    reconcile->phase = PHASE_IDLE;
    reconcile->generation++;
}

bool reconcile_complete(const struct reconcile *reconcile)
{
    return reconcile->phase == PHASE_COMPLETE;
}

static struct entry *find(struct reconcile *reconcile, const struct id *id)
{
    for (size_t i = 0; i < reconcile->count; i++) {
        if (id_equal(&reconcile->entries[i].id, id))
            return &reconcile->entries[i];
    }
    return NULL;
}

void reconcile_entry(struct reconcile *reconcile, const struct sandboxd_entry *entry)
{
    if (reconcile->phase != PHASE_LISTING || reconcile->count == SANDBOX_MAX_TOTAL)
        return;
    reconcile->headers_told = 0;
    reconcile->arriving = entry->sandbox;
    reconcile->entries[reconcile->count++] =
        (struct entry){.id = entry->sandbox, .told = *entry, .rules = json_array()};
}

void reconcile_entry_header(struct reconcile *reconcile, const struct sandboxd_entry_header *header)
{
    if (reconcile->phase == PHASE_LISTING && reconcile->headers_told < EGRESS_HEADERS_MAX)
        memcpy(reconcile->header_names[reconcile->headers_told++], header->name, sizeof(header->name));
}

void reconcile_entry_rule(struct reconcile *reconcile, const struct egress_rule *rule)
{
    struct entry *entry = find(reconcile, &reconcile->arriving); // it may have ended meanwhile
    if (reconcile->phase != PHASE_LISTING || !entry || rule->header > reconcile->headers_told)
        return;
    const char *name = rule->header ? reconcile->header_names[rule->header - 1] : NULL;
    // Out of memory: the list is short of a rule, and the row is left as it is (take_entry).
    (void)json_array_append_new(entry->rules, network_text_rule(rule, name));
}

void reconcile_list_end(struct reconcile *reconcile)
{
    if (reconcile->phase != PHASE_LISTING)
        return;
    reconcile->phase = PHASE_ROWS;
    read_rows(reconcile);
}

void reconcile_news(struct reconcile *reconcile, const struct sandbox_news *news)
{
    struct entry *entry = find(reconcile, &news->sandbox);
    if (!entry || (reconcile->phase != PHASE_LISTING && reconcile->phase != PHASE_ROWS))
        return;
    entry->changed = true;
    entry->news = *news;
}

void reconcile_read_wishes(struct reconcile *reconcile)
{
    reconcile->wishes = true;
    read_rows(reconcile);
}

void reconcile_read_wishes_later(struct reconcile *reconcile)
{
    if (reconcile->wishes_later)
        return; // who is refused again and again does not put the look off
    reconcile->wishes_later = true;
    loop_timer_set(sandboxes_server(reconcile->sandboxes)->loop, &reconcile->retry, RETRY_US);
}

static void run(struct work_job *job, struct store *store)
{
    struct reconcile *reconcile = lws_container_of(job, struct reconcile, job);
    reconcile->error = store_sandbox_list_active(store, reconcile->node, &reconcile->rows);
}

static void stop_unknown(struct reconcile *reconcile, const struct id *id)
{
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP,
                                    .stop = {.sandbox = *id, .reason = STOP_NODE_RESTART}};
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    log_warning("A sandbox without an active row is stopped", {"sandbox", text});
    (void)sandboxd_client_send(sandboxes_server(reconcile->sandboxes)->sandboxd, &stop);
}

// A restored database knows nothing of what was started after its backup: its owner finds it among what has ended.
static void record_unknown(struct work_job *job, struct store *store)
{
    struct reconcile *reconcile = lws_container_of(job, struct reconcile, job);
    for (size_t i = 0; i < reconcile->unknown_count; i++) {
        // That it was stopped is in the log whatever the database says.
        (void)store_sandbox_record_unknown(store, &reconcile->unknown[i], reconcile->node, reconcile->layers);
    }
}

static void unknown_recorded(struct work_job *job)
{
    struct reconcile *reconcile = lws_container_of(job, struct reconcile, job);
    reconcile->busy = false;
    reconcile->unknown_count = 0;
    read_rows(reconcile);
}

static void begin_recording(struct reconcile *reconcile)
{
    const struct sandboxd_welcome *welcome =
        sandboxd_client_welcome(sandboxes_server(reconcile->sandboxes)->sandboxd);
    if (welcome)
        memcpy(reconcile->layers, welcome->layers, sizeof(reconcile->layers));
    reconcile->job = (struct work_job){.run = record_unknown, .done = unknown_recorded};
    reconcile->busy =
        work_submit(sandboxes_server(reconcile->sandboxes)->work, WORK_DATABASE, &reconcile->job) == 0;
    if (!reconcile->busy)
        reconcile->unknown_count = 0;
}

// Sandboxes of ours that sandboxd no longer knows, though the database may not say that they are active.
static void end_missing(struct reconcile *reconcile)
{
    for (struct sandbox *sandbox = sandboxes_first(reconcile->sandboxes); sandbox; sandbox = sandbox->next) {
        struct entry *entry = find(reconcile, &sandbox->row.id);
        if (entry)
            entry->taken = entry->taken || sandbox->state != STATE_ENDED;
        else
            sandboxes_lost(reconcile->sandboxes, &sandbox->row);
    }
}

static void take_entry(struct reconcile *reconcile, struct entry *entry, const struct store_sandbox *row)
{
    char network[NETWORK_TEXT_MAX + 1];
    entry->taken = true;
    bool whole = json_array_size(entry->rules) == entry->told.rule_count &&
                 network_text_make(entry->rules, network) == 0;
    if (!whole)
        log_error("What a sandbox may reach is not known as a whole: its row stays as it is");
    sandboxes_adopt(reconcile->sandboxes, row, &entry->told, whole ? network : row->network);
}

// It came while there was nobody to hear it.
static void hear_news(struct reconcile *reconcile)
{
    for (size_t i = 0; i < reconcile->count; i++) {
        if (reconcile->entries[i].changed)
            sandboxes_news(reconcile->sandboxes, &reconcile->entries[i].news);
    }
}

static bool is_gone(const struct entry *entry)
{
    return entry->changed && entry->news.kind != SANDBOXD_READY;
}

static void stop_untaken(struct reconcile *reconcile)
{
    reconcile->unknown_count = 0;
    for (size_t i = 0; i < reconcile->count; i++) {
        const struct entry *entry = &reconcile->entries[i];
        if (entry->taken || is_gone(entry))
            continue;
        stop_unknown(reconcile, &entry->id);
        reconcile->unknown[reconcile->unknown_count++] = entry->told;
    }
}

static void compare(struct reconcile *reconcile)
{
    for (size_t i = 0; i < reconcile->rows.count; i++) {
        const struct store_sandbox *row = &reconcile->rows.items[i];
        struct entry *entry = find(reconcile, &row->id);
        if (entry)
            take_entry(reconcile, entry, row);
        else
            sandboxes_lost(reconcile->sandboxes, row);
    }
    end_missing(reconcile);
    hear_news(reconcile);
    stop_untaken(reconcile);
    reconcile->phase = PHASE_COMPLETE;
    sandboxes_compared(reconcile->sandboxes);
    viewers_sandboxd_back(sandboxes_server(reconcile->sandboxes)->viewers);
    operator_changes_look(sandboxes_server(reconcile->sandboxes)->operator_changes);
}

// Also ends what is in nobody's hands: the database carried out a start for a process that is gone, or the answer was lost.
static void obey_wishes(struct reconcile *reconcile, bool complete)
{
    const struct server *server = sandboxes_server(reconcile->sandboxes);
    for (size_t i = 0; i < reconcile->rows.count; i++) {
        const struct store_sandbox *row = &reconcile->rows.items[i];
        struct sandbox *sandbox = sandboxes_find(reconcile->sandboxes, &row->id);
        if (sandbox && row->stop_requested && sandbox->state != STATE_STOPPING)
            sandbox_stop(sandbox, row->stop_requested, NULL);
        else if (!sandbox && complete && !creation_under_way(server, &row->id))
            sandboxes_lost(reconcile->sandboxes, row);
    }
}

static void done(struct work_job *job)
{
    struct reconcile *reconcile = lws_container_of(job, struct reconcile, job);
    reconcile->busy = false;
    if (reconcile->error) {
        reconcile->wishes |= !reconcile->reading;
        loop_timer_set(sandboxes_server(reconcile->sandboxes)->loop, &reconcile->retry, RETRY_US);
        return;
    }
    bool current = reconcile->job_generation == reconcile->generation;
    if (current && reconcile->reading && reconcile->phase == PHASE_ROWS)
        compare(reconcile);
    else
        obey_wishes(reconcile, current && reconcile->phase == PHASE_COMPLETE);
    store_sandbox_list_finish(&reconcile->rows);
    if (reconcile->unknown_count > 0)
        begin_recording(reconcile);
    read_rows(reconcile); // what was asked for meanwhile
}

static void read_rows(struct reconcile *reconcile)
{
    if (reconcile->busy || (reconcile->phase != PHASE_ROWS && !reconcile->wishes))
        return;
    reconcile->reading = reconcile->phase == PHASE_ROWS;
    reconcile->wishes = false;
    reconcile->job_generation = reconcile->generation;
    reconcile->error = -ECANCELED;
    reconcile->rows = (struct store_sandbox_list){0};
    reconcile->job = (struct work_job){.run = run, .done = done};
    reconcile->busy =
        work_submit(sandboxes_server(reconcile->sandboxes)->work, WORK_DATABASE, &reconcile->job) == 0;
    if (!reconcile->busy) {
        reconcile->wishes = true;
        loop_timer_set(sandboxes_server(reconcile->sandboxes)->loop, &reconcile->retry, RETRY_US);
    }
}
