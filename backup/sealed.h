#pragma once
// A sealed file: a header, then chunks of libsodium's secret stream (XChaCha20-Poly1305). Each chunk is authenticated with its place; only
// the last one bears the final tag, so that a file that was cut off, put together anew or prolonged is told from a whole one.
//
//   8 bytes "SBXBACK1", 16 bytes id of the key, 24 bytes header of the secret stream
//   chunks of SEALED_CHUNK + 17 bytes; the last one is shorter, or as long

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup/key.h"

#define SEALED_MAGIC "SBXBACK1"
#define SEALED_MAGIC_SIZE 8
#define SEALED_HEADER_SIZE                                                                                   \
    (SEALED_MAGIC_SIZE + BACKUP_KEY_ID_SIZE + crypto_secretstream_xchacha20poly1305_HEADERBYTES)
#define SEALED_CHUNK 65536u
#define SEALED_CHUNK_WIRE (SEALED_CHUNK + crypto_secretstream_xchacha20poly1305_ABYTES)

struct sealed_writer {
    int fd; // borrowed
    crypto_secretstream_xchacha20poly1305_state state;
    uint8_t head[SEALED_MAGIC_SIZE + BACKUP_KEY_ID_SIZE]; // authenticated with the first chunk
    size_t head_left;
    uint8_t plain[SEALED_CHUNK];
    size_t filled;
    uint64_t written; // bytes of the file
};

struct sealed_reader {
    int fd; // borrowed
    crypto_secretstream_xchacha20poly1305_state state;
    uint8_t head[SEALED_MAGIC_SIZE + BACKUP_KEY_ID_SIZE];
    size_t head_left;
    uint8_t plain[SEALED_CHUNK];
    uint8_t chunk[SEALED_CHUNK_WIRE];
    bool ended;
};

// Writes the header. The writer is large: not for the stack.
int sealed_write_begin(struct sealed_writer *writer, int fd, const struct backup_key *key);
int sealed_write(struct sealed_writer *writer, const void *data, size_t length);
// Without this the file stays one that was cut off. Wipes the writer.
int sealed_write_end(struct sealed_writer *writer);

// Reads the header. -EPROTO when the file is no backup, -EKEYREJECTED when it needs another key.
int sealed_read_begin(struct sealed_reader *reader, int fd, const struct backup_key *key);
// The next bytes, borrowed until the next call; *ret_length is 0 at the proven end. -EBADMSG: altered; -ENODATA: cut off.
int sealed_read(struct sealed_reader *reader, const void **ret_data, size_t *ret_length);
// Wipes it.
void sealed_read_finish(struct sealed_reader *reader);
