#pragma once
// The file of a recorded desktop (docs/RECORDING.md): a header, then the messages of the stream as the streamer sent them, each behind a
// record header. Only appended to, so that whatever ends the writer leaves a file that is good up to its last whole record. What a sandbox
// shows stands in it: every byte behind the header is hostile to whoever reads it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ids.h"
#include "lib/limits.h"

#define RECORDING_VERSION 1u
#define RECORDING_HEADER_SIZE 80u
#define RECORDING_RECORD_SIZE 16u
#define RECORDING_INDEX_SIZE 40u

struct recording_header {
    struct id recording, sandbox, account;
    int64_t started_us; // wall clock
};

#define RECORDING_KEY 1u // playing can begin at this record

struct recording_record {
    uint32_t length; // of the message behind it: 1 .. STREAM_MESSAGE_MAX
    uint32_t flags;
    uint64_t time_us; // since the start
};

// Where playing can begin: a key frame, and what has to be known before it. Offsets in the file; 0: there is none.
struct recording_key {
    uint64_t time_us;
    uint64_t offset;
    uint64_t hello;
    uint64_t display; // the last one behind that hello
    uint64_t cursor;
};

// The one message that no streamer sends in this form: where the pointer is. Behind the four bytes of every head: u16 x, u16 y.
#define RECORDING_POINTER 0x40u
#define RECORDING_POINTER_SIZE 8u

struct recording_pointer {
    uint16_t x, y;
};

void recording_pointer_write(const struct recording_pointer *pointer,
                             uint8_t bytes[static RECORDING_POINTER_SIZE]);
// -EPROTO.
int recording_pointer_read(const uint8_t *message, size_t length, struct recording_pointer *ret_pointer);

void recording_header_write(const struct recording_header *header,
                            uint8_t bytes[static RECORDING_HEADER_SIZE]);
// -EPROTO: no recording, or of another version.
int recording_header_read(const uint8_t bytes[static RECORDING_HEADER_SIZE],
                          struct recording_header *ret_header);
void recording_record_write(const struct recording_record *record,
                            uint8_t bytes[static RECORDING_RECORD_SIZE]);
// -EPROTO: length or flags are wrong.
int recording_record_read(const uint8_t bytes[static RECORDING_RECORD_SIZE],
                          struct recording_record *ret_record);
void recording_key_write(const struct recording_key *key, uint8_t bytes[static RECORDING_INDEX_SIZE]);

// Follows the messages of a recording in their order and tells where playing can begin.
struct recording_scan {
    uint64_t offset; // of the next record
    struct recording_key state;
};

struct recording_scan recording_scan_new(void);
// True when the message is a key frame: `record->flags` says so from here on, and ret_key is its entry. `message` holds at least the first
// two of its bytes when it has as many.
bool recording_scan_message(struct recording_scan *scan, struct recording_record *record,
                            const uint8_t *message, struct recording_key *ret_key);

// Finds the keys of a file from its bytes alone, when its index was lost; ends at the first record that is not whole. Reads by `pread` of
// the descriptor. `found` is called for each. ret_end: how much of the file is good. -EPROTO: no recording; -errno.
int recording_rebuild(int fd, void (*found)(void *data, const struct recording_key *key), void *data,
                      uint64_t *ret_end, uint64_t *ret_time_us);
