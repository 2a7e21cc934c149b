#pragma once
// The recordings in RECORDINGS_DIR: <account>/<recording>.stream, as lib/recording.h says. Every function may block on the disk: they are
// for workers.

#include <jansson.h>

#include "lib/recording.h"

#define RECORDING_RANGE_MAX (1u << 20) // bytes of one answer
#define RECORDINGS_LISTED_MAX 1000u

struct recording_file {
    int data; // -1: not open
    uint64_t size;
    int64_t synced_us; // monotonic
    struct id account;
};

#define RECORDING_FILE_NONE                                                                                  \
    {                                                                                                        \
        .data = -1                                                                                           \
    }

// A new file with its header. -EDQUOT: the account has no room left; -errno.
int recording_file_create(const char *directory, const struct recording_header *header, uint64_t quota,
                          struct recording_file *ret_file);
// Appends whole records; asks the disk every few seconds to keep them. As recording_file_create.
int recording_file_append(struct recording_file *file, const char *directory, uint64_t quota,
                          const void *bytes, size_t length);
// Synchronises and closes. -errno of what may be lost.
int recording_file_close(struct recording_file *file);

// Of one account, or of all (NULL): id, account, sandbox, started_us, bytes, duration_us as integers and texts. -errno.
int recordings_list(const char *directory, const struct id *account, json_t **ret_items);
enum recording_part { RECORDING_DATA, RECORDING_INDEX };
// Up to RECORDING_RANGE_MAX bytes of the stream, or its whole index (docs/RECORDING.md), which is made from it. `account` NULL: whoever's. -ENOENT, -ERANGE.
int recordings_read(const char *directory, const struct id *account, const struct id *recording,
                    enum recording_part part, uint64_t from, char **ret_bytes, size_t *inout_length,
                    uint64_t *ret_size);
int recordings_delete(const char *directory, const struct id *account, const struct id *recording);
// Deletes what was last written to before this time (seconds of the wall clock).
void recordings_prune(const char *directory, int64_t before);
