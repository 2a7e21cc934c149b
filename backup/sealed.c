#include "backup/sealed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"

int sealed_write_begin(struct sealed_writer *writer, int fd, const struct backup_key *key)
{
    uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
    writer->fd = fd;
    writer->filled = 0;
    writer->head_left = sizeof(writer->head);
    writer->written = SEALED_HEADER_SIZE;
    memcpy(writer->head, SEALED_MAGIC, SEALED_MAGIC_SIZE);
    memcpy(writer->head + SEALED_MAGIC_SIZE, key->id, BACKUP_KEY_ID_SIZE);
    crypto_secretstream_xchacha20poly1305_init_push(&writer->state, header, key->bytes);
    int error = write_all(fd, writer->head, sizeof(writer->head));
    return error ? error : write_all(fd, header, sizeof(header));
}

static int put_chunk(struct sealed_writer *writer, uint8_t tag)
{
    uint8_t chunk[SEALED_CHUNK_WIRE];
    unsigned long long length;
    if (crypto_secretstream_xchacha20poly1305_push(&writer->state, chunk, &length, writer->plain,
                                                   writer->filled, writer->head, writer->head_left, tag))
        return -EIO;
    writer->head_left = 0;
    writer->filled = 0;
    writer->written += length;
    return write_all(writer->fd, chunk, length);
}

int sealed_write(struct sealed_writer *writer, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    while (length > 0) {
        // A full chunk waits for more: the last one has to bear the final tag.
        if (writer->filled == SEALED_CHUNK) {
            int error = put_chunk(writer, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
            if (error)
                return error;
        }
        size_t part = SEALED_CHUNK - writer->filled;
        part = part < length ? part : length;
        memcpy(writer->plain + writer->filled, bytes, part);
        writer->filled += part;
        bytes += part;
        length -= part;
    }
    return 0;
}

int sealed_write_end(struct sealed_writer *writer)
{
    int error = put_chunk(writer, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
    sodium_memzero(&writer->state, sizeof(writer->state));
    sodium_memzero(writer->plain, sizeof(writer->plain));
    return error;
}

// Less than `length` only at the end of the file.
static ssize_t read_full(int fd, uint8_t *data, size_t length)
{
    size_t got = 0;
    while (got < length) {
        ssize_t n = read(fd, data + got, length - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int sealed_read_begin(struct sealed_reader *reader, int fd, const struct backup_key *key)
{
    uint8_t header[SEALED_HEADER_SIZE];
    ssize_t got = read_full(fd, header, sizeof(header));
    if (got < 0)
        return (int)got;
    if ((size_t)got < sizeof(header) || memcmp(header, SEALED_MAGIC, SEALED_MAGIC_SIZE) != 0)
        return -EPROTO;
    if (memcmp(header + SEALED_MAGIC_SIZE, key->id, BACKUP_KEY_ID_SIZE) != 0)
        return -EKEYREJECTED;
    reader->fd = fd;
    reader->ended = false;
    reader->head_left = sizeof(reader->head);
    memcpy(reader->head, header, sizeof(reader->head));
    return crypto_secretstream_xchacha20poly1305_init_pull(&reader->state, header + sizeof(reader->head),
                                                           key->bytes)
               ? -EBADMSG
               : 0;
}

int sealed_read(struct sealed_reader *reader, const void **ret_data, size_t *ret_length)
{
    unsigned char tag;
    unsigned long long length;
    *ret_length = 0;
    if (reader->ended)
        return 0;
    ssize_t got = read_full(reader->fd, reader->chunk, sizeof(reader->chunk));
    if (got < 0)
        return (int)got;
    if ((size_t)got < crypto_secretstream_xchacha20poly1305_ABYTES)
        return -ENODATA;
    if (crypto_secretstream_xchacha20poly1305_pull(&reader->state, reader->plain, &length, &tag,
                                                   reader->chunk, (size_t)got, reader->head,
                                                   reader->head_left))
        return (size_t)got < sizeof(reader->chunk) ? -ENODATA : -EBADMSG; // which of both can't be known
    reader->head_left = 0;
    bool final = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    if (!final && (size_t)got < sizeof(reader->chunk))
        return -EBADMSG;
    if (final) {
        uint8_t more;
        ssize_t rest = read_full(reader->fd, &more, 1);
        if (rest)
            return rest < 0 ? (int)rest : -EBADMSG;
        reader->ended = true;
    }
    *ret_data = reader->plain;
    *ret_length = length;
    return 0;
}

void sealed_read_finish(struct sealed_reader *reader)
{
    sodium_memzero(reader, sizeof(*reader));
}
