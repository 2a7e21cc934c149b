#pragma once
// RECORDINGS_DIR: a directory for each account, and in it for each recording its stream and perhaps what was made of it. Names are ids and nothing else.
// Every function may block on the disk: they are for workers.

#include <stdbool.h>
#include <stdint.h>

#include "lib/ids.h"

enum recording_kind {
    RECORDING_STREAM,   // <recording>.stream: docs/RECORDING.md
    RECORDING_MP4,      // <recording>.mp4, made of it
    RECORDING_MP4_PART, // <recording>.mp4.part, while it is made
    RECORDING_KIND_COUNT
};

struct recording_entry {
    struct id account, recording;
    enum recording_kind kind;
    int account_fd; // borrowed: its directory
};

// Calls `seen` for each file of an account, or of all (NULL), until it gives something else than 0; gives that. -errno.
int recording_directory_each(const char *directory, const struct id *account,
                             int (*seen)(void *data, const struct recording_entry *entry), void *data);
// The account's directory; `make` it when it is not there.
int recording_directory_account(const char *directory, const struct id *account, bool make, int *ret_fd);
// Whose it is: `account` or, with NULL, anybody. With its account's directory, which is the caller's. -ENOENT.
int recording_directory_find(const char *directory, const struct id *account, const struct id *recording,
                             struct id *ret_owner, int *ret_account_fd);
// Bytes of all files of the account; without `parts` those of films that are being made are left out.
int recording_directory_used(const char *directory, const struct id *account, bool parts,
                             uint64_t *ret_bytes);

int recording_open(int account_fd, const struct id *recording, enum recording_kind kind, int flags,
                   int *ret_fd);
int recording_unlink(int account_fd, const struct id *recording, enum recording_kind kind);
int recording_rename(int account_fd, const struct id *recording, enum recording_kind from,
                     enum recording_kind to);
