#pragma once
// What backups and restores ask of the database.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ids.h"
#include "lib/sandboxd_channel.h"
#include "store/store.h"

#define STORE_SNAPSHOT_MAX 64 // bytes of a snapshot's name, NUL included

struct store_snapshot_account {
    struct id id;
    uint32_t number;
};

struct store_snapshot {
    char name[STORE_SNAPSHOT_MAX]; // for pg_dump --snapshot
    struct store_snapshot_account *accounts;
    size_t account_count;
    unsigned migrations;
    char server[64]; // PostgreSQL's version
};

// Begins a transaction whose sight of the database others can share until the store's next store_snapshot_end or its end.
int store_snapshot_begin(struct store *store, struct store_snapshot *ret_snapshot);
int store_snapshot_end(struct store *store);
void store_snapshot_finish(struct store_snapshot *snapshot);

// Remembers a backup that is whole and on the disk.
int store_backup_record(struct store *store, const char *node, const char *name, uint64_t bytes);
// When the newest one of the node (NULL: of all) was finished; 0: there is none.
int store_backup_last(struct store *store, const char *node, int64_t *ret_finished);

// Empty: without a table, or with a schema of ours in which there is at most one account, an administrator's who never signed in, and no
// sandbox.
int store_is_empty(struct store *store, bool *ret_empty);
// Drops an empty one's tables and functions, to make room for a dump's.
int store_clear(struct store *store);
// After a restore: sandboxes that were active are recorded as ended, running servers are told to begin anew. 0 with how many they were.
int store_restored(struct store *store, unsigned *ret_ended);
// A sandbox that runs without a row, as after a restore: recorded as stopped when its owner's account is there. Its times are
// not known. `layers` are those of the node.
int store_sandbox_record_unknown(struct store *store, const struct sandboxd_entry *entry, const char *node,
                                 const struct layer_report layers[static LAYER_COUNT]);
