#pragma once
// Schema changes: files NNNN_name.sql of one directory, applied in order, each in a transaction of its own,
// forward only. Every applied file is recorded with its SHA-256, and refused when it has changed or gone
// since.

#include "store/store.h"

#define MIGRATION_FILE_MAX (1u << 20) // bytes
#define MIGRATIONS_MAX 9999

struct store_migrations {
    unsigned applied; // recorded in the database, the ones of this call included
    unsigned pending; // files not applied yet
};

// Applies what is pending, under an advisory lock: several callers at once are safe. -EUCLEAN when an applied
// file changed or is missing, -EINVAL when the directory's file names or a file's SQL are wrong (nothing of
// that file is kept), -ENOENT no such directory. store_error says which file and what to do.
int store_migrate(struct store *store, const char *directory, struct store_migrations *ret_migrations);
// Looks only. Errors as store_migrate.
int store_migrations_check(struct store *store, const char *directory,
                           struct store_migrations *ret_migrations);
// How many files the directory holds. -EINVAL, -ENOENT as store_migrate.
int store_migrations_count(const char *directory, unsigned *ret_count);
