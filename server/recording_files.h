#pragma once
// The files of recordings, as lib/recording.h says. Every function may block on the disk: they are for workers.

#include <jansson.h>

#include "lib/recording.h"
#include "server/recording_directory.h"

#define RECORDING_RANGE_MAX (1u << 20) // bytes of one answer
#define RECORDINGS_PAGE_MAX 100u

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

struct recordings_page {
    json_t *items;  // newest first: id, account, sandbox, started_us, changed_us, bytes as texts and integers
    struct id next; // what the next page lies before; nil: this is the last one
};

// Those of one account, or of all (NULL), that were begun before `before` (nil: all); `limit` is 1 to RECORDINGS_PAGE_MAX. -errno.
int recordings_list(const char *directory, const struct id *account, const struct id *before, unsigned limit,
                    struct recordings_page *ret_page);
// Up to RECORDING_RANGE_MAX bytes of a file. `account` NULL: whoever's. -ENOENT, -ERANGE.
int recordings_read(const char *directory, const struct id *account, const struct id *recording,
                    enum recording_kind kind, uint64_t from, char **ret_bytes, size_t *inout_length,
                    uint64_t *ret_size);
// The whole index (docs/RECORDING.md), which is made from the stream. -EPROTO, -EFBIG.
int recordings_index(const char *directory, const struct id *account, const struct id *recording,
                     char **ret_bytes, size_t *ret_length);

// The stream and what was made of it. -ENOENT, -EBUSY: it is being written (`busy`).
int recordings_delete(const char *directory, const struct id *account, const struct id *recording, bool busy);
// Deletes what was last written to before this time (seconds of the wall clock), and films before the other one.
void recordings_prune(const char *directory, int64_t before, int64_t films_before);
