#pragma once
// Writing a whole backup: manifest, database, homes, compressed and sealed.

#include <stddef.h>
#include <stdint.h>

#include "backup/homes.h"
#include "backup/key.h"

struct backup_account {
    struct id id;
    uint32_t number;
};

struct backup_job {
    int out; // the file
    const struct backup_key *key;
    const char *manifest; // JSON
    int dump;             // of the database, from its start
    const char *storage;  // FILE_STORAGE_PATH
    const struct backup_account *accounts;
    size_t account_count;
    uint64_t uid_base, uid_count;
};

// Done in a confined child (backup/confined.h). 0 with the counts; what the archive's writing or the storage directory says.
int backup_write(const struct backup_job *job, struct homes_count *ret_count);
