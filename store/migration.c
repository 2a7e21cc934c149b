#include "store/migration.h"

#include <errno.h>
#include <string.h>

#include "store/connection.h"
#include "store/migration_files.h"
#include "store/query.h"
#include "store/row.h"

#define NO_DEADLINE (-1)

// The key is any number that no other program takes: "sandbox" in ASCII.
static const char lock[] = "SET statement_timeout = 0; SELECT pg_advisory_lock(32480047957504888);"
                           "CREATE TABLE IF NOT EXISTS schema_migrations ("
                           " version integer PRIMARY KEY,"
                           " name text NOT NULL,"
                           " checksum text NOT NULL,"
                           " applied_at timestamptz NOT NULL DEFAULT now())";

// Compares one applied migration with its file.
static int check_applied(struct store *store, const struct migration_files *files, struct row row)
{
    char checksum[MIGRATION_CHECKSUM_SIZE];
    int64_t version = row_number(&row);
    const char *name = row_borrow(&row);
    row_text(&row, checksum, sizeof(checksum));
    if (row_end(&row))
        return -EIO;
    if (version < 1 || (uint64_t)version > files->count) {
        store_set_error(store,
                        "migration %s was applied to this database but is not in the directory: "
                        "install the version of the programs that the database was migrated for",
                        name);
        return -EUCLEAN;
    }
    const struct migration_file *file = &files->items[version - 1];
    if (strcmp(file->name, name) != 0 || strcmp(file->checksum, checksum) != 0) {
        store_set_error(
            store,
            "migration %s was applied to this database but the file differs now: restore the file "
            "as it was, and put changes into a new one",
            name);
        return -EUCLEAN;
    }
    return 0;
}

static int read_applied(struct store *store, const struct migration_files *files, unsigned *ret_applied)
{
    QUERY_RESULT result = NULL;
    int error = query_continue(store, SQL_MIGRATION_LIST, NULL, &result);
    if (error)
        return error;
    for (int i = 0; i < PQntuples(result) && !error; i++)
        error = check_applied(store, files, row_of(result, i));
    if (error)
        return error;
    *ret_applied = (unsigned)PQntuples(result);
    return 0;
}

static int record(struct store *store, const struct migration_file *file)
{
    struct arguments arguments = {0};
    argument_number(&arguments, file->version);
    argument_text(&arguments, file->name);
    argument_text(&arguments, file->checksum);
    QUERY_RESULT result = NULL;
    return query_continue(store, SQL_MIGRATION_RECORD, &arguments, &result);
}

static int apply(struct store *store, const struct migration_file *file)
{
    int error = query_simple(store, "BEGIN", NO_DEADLINE);
    if (!error)
        error = query_simple(store, file->sql, NO_DEADLINE);
    if (!error && PQtransactionStatus(store->connection) != PQTRANS_INTRANS) {
        store_set_error(store, "the file ends its transaction itself");
        error = -EINVAL;
    }
    if (!error)
        error = record(store, file);
    if (!error)
        error = query_simple(store, "COMMIT", NO_DEADLINE);
    if (!error)
        return 0;
    char why[STORE_ERROR_MAX];
    memcpy(why, store->error, sizeof(why));
    store_set_error(store, "%s: %.400s", file->name, why);
    return error == -ENOTCONN || error == -ENOSPC ? error : -EINVAL;
}

static int migrate(struct store *store, const struct migration_files *files,
                   struct store_migrations *ret_migrations)
{
    unsigned applied;
    int error = query_simple(store, lock, NO_DEADLINE);
    if (!error)
        error = read_applied(store, files, &applied);
    if (error)
        return error;
    for (; applied < files->count; applied++) {
        error = apply(store, &files->items[applied]);
        if (error)
            return error;
    }
    *ret_migrations = (struct store_migrations){.applied = applied};
    return 0;
}

static int load(struct store *store, const char *directory, struct migration_files *files)
{
    store->error[0] = '\0';
    int error = migration_files_load(directory, files);
    if (error)
        store_set_error(store, "%s", files->problem);
    return error ? error : store_connect(store);
}

int store_migrate(struct store *store, const char *directory, struct store_migrations *ret_migrations)
{
    CLEANUP(migration_files_finish) struct migration_files files;
    int error = load(store, directory, &files);
    if (error)
        return error;
    error = migrate(store, &files, ret_migrations);
    store_disconnect(store); // ends the lock, an unfinished transaction and the session's settings
    return error;
}

int store_migrations_check(struct store *store, const char *directory,
                           struct store_migrations *ret_migrations)
{
    CLEANUP(migration_files_finish) struct migration_files files;
    int error = load(store, directory, &files);
    if (error)
        return error;
    QUERY_RESULT result = NULL;
    error = query_one(store, SQL_MIGRATIONS_EXIST, NULL, &result);
    if (error)
        return error;
    struct row row = row_of(result, 0);
    unsigned applied = 0;
    if (row_bool(&row))
        error = read_applied(store, &files, &applied);
    if (error)
        return error;
    *ret_migrations =
        (struct store_migrations){.applied = applied, .pending = (unsigned)files.count - applied};
    return 0;
}

int store_migrations_count(const char *directory, unsigned *ret_count)
{
    CLEANUP(migration_files_finish) struct migration_files files;
    int error = migration_files_load(directory, &files);
    if (!error)
        *ret_count = (unsigned)files.count;
    return error;
}
