#include "store/snapshot.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>

#include "store/connection.h"
#include "store/layers.h"
#include "store/query.h"
#include "store/row.h"

#define NO_DEADLINE (-1)

static const char clear[] =
    "SET statement_timeout = 0; DO $$ DECLARE item record; BEGIN"
    " FOR item IN SELECT c.oid::regclass AS name FROM pg_class c"
    "  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
    " LOOP EXECUTE format('DROP TABLE %s CASCADE', item.name); END LOOP;"
    " FOR item IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = "
    "'public'::regnamespace"
    "  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    " LOOP EXECUTE format('DROP ROUTINE %s CASCADE', item.name); END LOOP; END $$";

static int read_accounts(struct store *store, struct store_snapshot *snapshot)
{
    QUERY_RESULT result = NULL;
    int error = query_continue(store, SQL_SNAPSHOT_ACCOUNTS, NULL, &result);
    if (error)
        return error;
    size_t count = (size_t)PQntuples(result);
    snapshot->accounts = calloc(count ? count : 1, sizeof(*snapshot->accounts));
    if (!snapshot->accounts)
        return -ENOMEM;
    for (size_t i = 0; i < count && !error; i++) {
        struct row row = row_of(result, (int)i);
        snapshot->accounts[i].id = row_id(&row);
        snapshot->accounts[i].number = (uint32_t)row_number(&row);
        error = row_end(&row);
    }
    snapshot->account_count = count;
    return error;
}

static int read_snapshot(struct store *store, struct store_snapshot *snapshot)
{
    QUERY_RESULT result = NULL;
    int error = query_continue(store, SQL_SNAPSHOT_EXPORT, NULL, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    row_text(&row, snapshot->name, sizeof(snapshot->name));
    row_text(&row, snapshot->server, sizeof(snapshot->server));
    snapshot->migrations = (unsigned)row_number(&row);
    error = row_end(&row);
    return error ? error : read_accounts(store, snapshot);
}

int store_snapshot_begin(struct store *store, struct store_snapshot *ret_snapshot)
{
    struct store_snapshot snapshot = {0};
    int error = store_connect(store);
    if (!error)
        error = query_simple(store, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", STORE_STATEMENT_MS);
    if (!error)
        error = read_snapshot(store, &snapshot);
    if (error) {
        store_snapshot_finish(&snapshot);
        return error;
    }
    *ret_snapshot = snapshot;
    return 0;
}

int store_snapshot_end(struct store *store)
{
    return query_simple(store, "COMMIT", STORE_STATEMENT_MS);
}

void store_snapshot_finish(struct store_snapshot *snapshot)
{
    free(snapshot->accounts);
    *snapshot = (struct store_snapshot){0};
}

int store_backup_record(struct store *store, const char *node, const char *name, uint64_t bytes)
{
    struct arguments arguments = {0};
    argument_text(&arguments, node);
    argument_text(&arguments, name);
    argument_number(&arguments, (int64_t)bytes);
    QUERY_RESULT result = NULL;
    return query_run(store, SQL_BACKUP_RECORD, &arguments, &result);
}

int store_backup_last(struct store *store, const char *node, int64_t *ret_finished)
{
    struct arguments arguments = {0};
    argument_text(&arguments, node);
    QUERY_RESULT result = NULL;
    int error = query_run(store, SQL_BACKUP_LAST, &arguments, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    int64_t finished = row_number(&row);
    error = row_end(&row);
    if (!error)
        *ret_finished = finished;
    return error;
}

static int ask(struct store *store, enum statement statement, bool *ret_answer)
{
    QUERY_RESULT result = NULL;
    int error = query_run(store, statement, NULL, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    bool answer = row_bool(&row);
    error = row_end(&row);
    if (!error)
        *ret_answer = answer;
    return error;
}

int store_is_empty(struct store *store, bool *ret_empty)
{
    bool tables, ours;
    int error = ask(store, SQL_TABLES_EXIST, &tables);
    if (!error && tables)
        error = ask(store, SQL_MIGRATIONS_EXIST, &ours);
    if (error)
        return error;
    if (tables && ours)
        return ask(store, SQL_ACCOUNTS_UNUSED, ret_empty);
    *ret_empty = !tables;
    return 0;
}

int store_clear(struct store *store)
{
    int error = store_connect(store);
    if (!error)
        error = query_simple(store, clear, NO_DEADLINE);
    store_disconnect(store); // with the statement timeout that was set
    return error;
}

int store_restored(struct store *store, unsigned *ret_ended)
{
    QUERY_RESULT result = NULL;
    int error = query_run(store, SQL_RESTORED, NULL, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    int64_t ended = row_number(&row);
    error = row_end(&row);
    if (!error)
        *ret_ended = (unsigned)ended;
    return error;
}

int store_sandbox_record_unknown(struct store *store, const struct sandboxd_entry *entry, const char *node,
                                 const struct layer_report layers[static LAYER_COUNT])
{
    static const char *const templates[TEMPLATE_COUNT] = {
        [TEMPLATE_DESKTOP] = "desktop", [TEMPLATE_CODE] = "code"};
    AUTO_FREE char *text = layers_encode(layers);
    if (!text)
        return -ENOMEM;
    struct arguments arguments = {0};
    argument_id(&arguments, &entry->sandbox);
    argument_id(&arguments, &entry->owner);
    argument_text(&arguments, node);
    argument_text(&arguments, templates[entry->template_id]);
    argument_number(&arguments, entry->limits.memory_mb);
    argument_number(&arguments, entry->limits.cpu_percent);
    argument_number(&arguments, entry->limits.pids);
    argument_text(&arguments, text);
    QUERY_RESULT result = NULL;
    return query_run(store, SQL_SANDBOX_RECORD_UNKNOWN, &arguments, &result);
}
