#include "backup/file_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define ATTRIBUTE_LIST_MAX 65536 // the kernel's own maximums (xattr(7))
#define ATTRIBUTE_VALUE_MAX 65536
#define BUFFER_SIZE 262144
#define USER_PREFIX "user."

// libarchive warns of what a format can't say; with names as bytes there is nothing like that.
int file_data_header(struct archive *archive, struct archive_entry *entry)
{
    return archive_write_header(archive, entry) == ARCHIVE_OK ? 0 : -EIO;
}

int file_data_attributes(int fd, struct archive_entry *entry)
{
    AUTO_FREE char *names = malloc(ATTRIBUTE_LIST_MAX + ATTRIBUTE_VALUE_MAX);
    if (!names)
        return -ENOMEM;
    char *value = names + ATTRIBUTE_LIST_MAX;
    ssize_t length = flistxattr(fd, names, ATTRIBUTE_LIST_MAX);
    // Not every file system has any, and a list that can't be told holds nothing that could be read.
    for (ssize_t i = 0; i < length; i += (ssize_t)strlen(names + i) + 1) {
        if (strncmp(names + i, USER_PREFIX, strlen(USER_PREFIX)) != 0)
            continue;
        ssize_t size = fgetxattr(fd, names + i, value, ATTRIBUTE_VALUE_MAX);
        if (size >= 0)
            archive_entry_xattr_add_entry(entry, names + i, value, (size_t)size);
    }
    return 0;
}

// Tells the archive where data is.
static void find_extents(int fd, int64_t size, struct archive_entry *entry)
{
    int64_t position = 0;
    for (unsigned i = 0; position < size; i++) {
        int64_t data = lseek(fd, position, SEEK_DATA);
        if (data < 0 && errno == ENXIO) // a hole up to the end, which has to be said when it is all there is
            data = size;
        else if (data < 0)
            data = position;
        data = data < size ? data : size;
        int64_t hole = i == FILE_DATA_EXTENTS_MAX ? size : lseek(fd, data, SEEK_HOLE);
        hole = hole < 0 || hole > size ? size : hole;
        if (hole > data || i == 0)
            archive_entry_sparse_add_entry(entry, data, hole - data);
        position = hole > position ? hole : size;
    }
}

// Sends `length` bytes: of the file, or zeros for a hole, of which the archive keeps none, or for what was cut off meanwhile.
static int send(struct file_data *data, struct archive *archive, char *buffer, int64_t from, int64_t length,
                bool hole)
{
    while (length > 0) {
        size_t part = length < BUFFER_SIZE ? (size_t)length : BUFFER_SIZE;
        ssize_t got = hole ? 0 : pread(data->fd, buffer, part, from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            data->shrank |= !hole;
            memset(buffer, 0, part);
            got = (ssize_t)part;
        }
        if (archive_write_data(archive, buffer, (size_t)got) != got)
            return -EIO;
        from += got;
        length -= got;
        data->bytes += hole ? 0 : (uint64_t)got;
    }
    return 0;
}

int file_data_put(struct file_data *data, struct archive *archive, struct archive_entry *entry)
{
    struct stat status;
    AUTO_FREE char *buffer = malloc(BUFFER_SIZE);
    if (!buffer)
        return -ENOMEM;
    if (fstat(data->fd, &status) < 0)
        return -errno;
    int64_t size = status.st_size, offset, length, position = 0;
    archive_entry_set_size(entry, size);
    int error = file_data_attributes(data->fd, entry);
    if (status.st_blocks * 512 < size)
        find_extents(data->fd, size, entry);
    // The archive's own view of the extents: it may have dropped them when they cover everything.
    archive_entry_sparse_reset(entry);
    if (!error)
        error = file_data_header(archive, entry);
    if (archive_entry_sparse_count(entry) == 0)
        return error ? error : send(data, archive, buffer, 0, size, false);
    archive_entry_sparse_reset(entry);
    while (!error && archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK) {
        error = send(data, archive, buffer, position, offset - position, true);
        if (!error)
            error = send(data, archive, buffer, offset, length, false);
        position = offset + length;
    }
    return error ? error : send(data, archive, buffer, position, size - position, true);
}
