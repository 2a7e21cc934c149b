#include "server/recording_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "server/clock.h"

#define SYNC_US (5 * SECOND_US) // what a loss of power may cost

static int check_quota(const char *directory, const struct id *account, uint64_t quota)
{
    uint64_t used;
    int error = recording_directory_used(directory, account, true, &used);
    return error ? error : used >= quota ? -EDQUOT : 0;
}

int recording_file_create(const char *directory, const struct recording_header *header, uint64_t quota,
                          struct recording_file *ret_file)
{
    AUTO_FD int account = -1, data = -1;
    uint8_t bytes[RECORDING_HEADER_SIZE];
    int error = recording_directory_account(directory, &header->account, true, &account);
    if (!error)
        error = check_quota(directory, &header->account, quota);
    if (!error)
        error = recording_open(account, &header->recording, RECORDING_STREAM,
                               O_WRONLY | O_CREAT | O_EXCL | O_APPEND, &data);
    if (error)
        return error;
    recording_header_write(header, bytes);
    error = write_all(data, bytes, sizeof(bytes));
    if (!error && (fdatasync(data) < 0 || fsync(account) < 0))
        error = -errno;
    if (error) {
        (void)recording_unlink(account, &header->recording, RECORDING_STREAM); // no list would show it
        return error;
    }
    *ret_file = (struct recording_file){.data = steal_fd(&data),
                                        .size = sizeof(bytes),
                                        .synced_us = clock_monotonic_us(),
                                        .account = header->account};
    return 0;
}

int recording_file_append(struct recording_file *file, const char *directory, uint64_t quota,
                          const void *bytes, size_t length)
{
    struct stat status;
    if (fstat(file->data, &status) < 0)
        return -errno;
    if (status.st_nlink == 0) // deleted while it grew: no quota counts what nobody can find
        return -ESTALE;
    int error = write_all(file->data, bytes, length);
    if (error)
        return error;
    file->size += length;
    int64_t now = clock_monotonic_us();
    if (now - file->synced_us < SYNC_US)
        return 0;
    file->synced_us = now;
    if (fdatasync(file->data) < 0)
        return -errno;
    return check_quota(directory, &file->account, quota);
}

int recording_file_close(struct recording_file *file)
{
    AUTO_FD int data = steal_fd(&file->data);
    return data >= 0 && fdatasync(data) < 0 ? -errno : 0;
}

int recordings_delete(const char *directory, const struct id *account, const struct id *recording, bool busy)
{
    AUTO_FD int fd = -1;
    struct id owner;
    int error = recording_directory_find(directory, account, recording, &owner, &fd);
    if (error || busy)
        return error ? error : -EBUSY;
    for (int kind = RECORDING_KIND_COUNT - 1; kind > RECORDING_STREAM; kind--)
        (void)recording_unlink(fd, recording, (enum recording_kind)kind); // most have none
    error = recording_unlink(fd, recording, RECORDING_STREAM);
    // What somebody was told is deleted must not come back after a loss of power.
    return error ? error : fsync(fd) < 0 ? -errno : 0;
}

struct pruning_walk {
    int64_t before[RECORDING_KIND_COUNT];
};

static int prune_one(void *data, const struct recording_entry *entry)
{
    const struct pruning_walk *pruning = data;
    AUTO_FD int fd = -1;
    struct stat status;
    if (recording_open(entry->account_fd, &entry->recording, entry->kind, O_RDONLY, &fd) == 0 &&
        fstat(fd, &status) == 0 && status.st_mtime < pruning->before[entry->kind])
        (void)recording_unlink(entry->account_fd, &entry->recording,
                               entry->kind); // again the next time when it fails
    return 0;
}

void recordings_prune(const char *directory, int64_t before, int64_t films_before)
{
    struct pruning_walk pruning = {{before, films_before, films_before}};
    (void)recording_directory_each(directory, NULL, prune_one, &pruning);
}
