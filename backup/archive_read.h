#pragma once
// Reading a whole backup: first all of it, changing nothing; then its homes into an empty directory.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup/key.h"
#include "lib/ids.h"

#define MANIFEST_MAX 65536 // bytes

struct backup_contents {
    char manifest[MANIFEST_MAX];
    uint64_t homes, entries, bytes;
    uint64_t left;     // entries and attributes that the file system does not take
    char problem[256]; // what is wrong with it, for the operator
};

struct backup_reading {
    int in; // the file, from its start
    const struct backup_key *key;
    int dump; // the database's dump is written there; -1: it is passed over
    const char
        *storage; // homes are made there, each complete under its own name or not at all; NULL: only checked
    const char *staging; // ... in this directory of it meanwhile, which must be empty
    uint64_t uid_base;
    size_t name_max; // bytes that the file system gives a name; 0: not known
    bool tell;       // on standard error, a line for each that is left out
};

// Unseals in this process, and reads the archive in a confined child, which sees nothing that was not authenticated. 0 only when
// all of the file was there. -EBADMSG, -ENODATA, -EPROTO, -EKEYREJECTED as backup/sealed.h; -EPROTO also for an archive that holds what none
// of ours does (ret_contents->problem). ret_contents is written in any case.
int backup_read(const struct backup_reading *reading, struct backup_contents *ret_contents);
