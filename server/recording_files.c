#include "server/recording_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "server/clock.h"

#define SYNC_US (5 * SECOND_US) // what a loss of power may cost
#define NAME_SIZE (ID_TEXT_SIZE + 8)
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

#define SUFFIX ".stream"

static void name_of(const struct id *recording, char name[static NAME_SIZE])
{
    char id[ID_TEXT_SIZE];
    id_format(recording, id);
    snprintf(name, NAME_SIZE, "%s" SUFFIX, id);
}

static int open_root(const char *directory, int *ret_fd)
{
    *ret_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

static int open_account(const char *directory, const struct id *account, bool make, int *ret_fd)
{
    AUTO_FD int root = -1;
    char id[ID_TEXT_SIZE];
    int error = open_root(directory, &root);
    if (error)
        return error;
    id_format(account, id);
    if (make && mkdirat(root, id, 0700) < 0 && errno != EEXIST)
        return -errno;
    *ret_fd = openat(root, id, OPEN_DIRECTORY);
    return *ret_fd < 0 ? -errno : 0;
}

// Calls `seen` for each recording of an account's directory until it gives something else than 0.
static int each(int account_fd, int (*seen)(void *data, int account_fd, const struct id *recording),
                void *data)
{
    int copy = openat(account_fd, ".", OPEN_DIRECTORY);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        int error = errno;
        if (copy >= 0)
            close(copy);
        return -error;
    }
    int result = 0;
    for (struct dirent *entry; !result && (entry = readdir(entries));) {
        char id[ID_TEXT_SIZE];
        struct id recording;
        if (strlen(entry->d_name) != ID_TEXT_SIZE - 1 + strlen(SUFFIX) ||
            strcmp(entry->d_name + ID_TEXT_SIZE - 1, SUFFIX) != 0)
            continue;
        memcpy(id, entry->d_name, ID_TEXT_SIZE - 1);
        id[ID_TEXT_SIZE - 1] = '\0';
        if (id_parse(id, &recording) == 0)
            result = seen(data, account_fd, &recording);
    }
    closedir(entries);
    return result;
}

static int each_account(const char *directory, int (*seen)(void *data, const struct id *account), void *data)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return -errno;
    int result = 0;
    for (struct dirent *entry; !result && (entry = readdir(entries));) {
        struct id account;
        if (id_parse(entry->d_name, &account) == 0)
            result = seen(data, &account);
    }
    closedir(entries);
    return result;
}

static int add_size(void *data, int account_fd, const struct id *recording)
{
    uint64_t *used = data;
    char name[NAME_SIZE];
    struct stat status;
    name_of(recording, name);
    if (fstatat(account_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        *used += (uint64_t)status.st_size;
    return 0;
}

static int check_quota(const char *directory, const struct id *account, uint64_t quota)
{
    AUTO_FD int fd = -1;
    uint64_t used = 0;
    int error = open_account(directory, account, true, &fd);
    if (!error)
        error = each(fd, add_size, &used);
    return error ? error : used >= quota ? -EDQUOT : 0;
}

int recording_file_create(const char *directory, const struct recording_header *header, uint64_t quota,
                          struct recording_file *ret_file)
{
    AUTO_FD int account = -1, data = -1;
    char name[NAME_SIZE];
    uint8_t bytes[RECORDING_HEADER_SIZE];
    int error = check_quota(directory, &header->account, quota);
    if (!error)
        error = open_account(directory, &header->account, true, &account);
    if (error)
        return error;
    name_of(&header->recording, name);
    data = openat(account, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (data < 0)
        return -errno;
    recording_header_write(header, bytes);
    error = write_all(data, bytes, sizeof(bytes));
    if (!error && (fdatasync(data) < 0 || fsync(account) < 0))
        error = -errno;
    if (error) {
        unlinkat(account, name, 0); // no list would show it
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

static int open_stream(int account_fd, const struct id *recording, int *ret_fd)
{
    char name[NAME_SIZE];
    name_of(recording, name);
    *ret_fd = openat(account_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

struct listing {
    json_t *items;
};

static int add_item(void *data, int account_fd, const struct id *recording)
{
    struct listing *listing = data;
    AUTO_FD int fd = -1;
    uint8_t bytes[RECORDING_HEADER_SIZE];
    struct recording_header header;
    struct stat status;
    if (open_stream(account_fd, recording, &fd) < 0 || fstat(fd, &status) < 0 ||
        pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes) ||
        recording_header_read(bytes, &header) < 0)
        return 0; // deleted meanwhile, or no recording of ours
    char id[ID_TEXT_SIZE], sandbox[ID_TEXT_SIZE], account[ID_TEXT_SIZE];
    id_format(recording, id);
    id_format(&header.sandbox, sandbox);
    id_format(&header.account, account);
    int64_t changed_us = (int64_t)status.st_mtim.tv_sec * SECOND_US + status.st_mtim.tv_nsec / 1000;
    json_t *item = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "id", id, "sandbox", sandbox, "account",
                             account, "started_us", (json_int_t)header.started_us, "changed_us",
                             (json_int_t)changed_us, "bytes", (json_int_t)status.st_size);
    if (json_array_append_new(listing->items, item) < 0)
        return -ENOMEM;
    return json_array_size(listing->items) < RECORDINGS_LISTED_MAX ? 0 : 1;
}

struct walk {
    const char *directory;
    int (*seen)(void *data, int account_fd, const struct id *recording);
    void *data;
};

static int walk_account(void *data, const struct id *account)
{
    const struct walk *walk = data;
    AUTO_FD int fd = -1;
    int error = open_account(walk->directory, account, false, &fd);
    return error == -ENOENT ? 0 : error ? error : each(fd, walk->seen, walk->data);
}

int recordings_list(const char *directory, const struct id *account, json_t **ret_items)
{
    struct listing listing = {.items = json_array()};
    if (!listing.items)
        return -ENOMEM;
    struct walk walk = {directory, add_item, &listing};
    int error = account ? walk_account(&walk, account) : each_account(directory, walk_account, &walk);
    if (error < 0) {
        json_decref(listing.items);
        return error;
    }
    *ret_items = listing.items;
    return 0;
}

struct search {
    const char *directory;
    const struct id *recording;
    int found; // its account's directory
};

static int look(void *data, const struct id *account)
{
    struct search *search = data;
    AUTO_FD int fd = -1, part = -1;
    int error = open_account(search->directory, account, false, &fd);
    if (error || open_stream(fd, search->recording, &part) < 0)
        return 0;
    search->found = steal_fd(&fd);
    return 1;
}

static int find(const char *directory, const struct id *account, const struct id *recording, int *ret_fd)
{
    struct search search = {directory, recording, -1};
    int error = account ? look(&search, account) : each_account(directory, look, &search);
    if (error < 0)
        return error;
    if (search.found < 0)
        return -ENOENT;
    *ret_fd = search.found;
    return 0;
}

struct index {
    char *bytes;
    size_t length, capacity;
    bool failed;
};

static void add_key(void *data, const struct recording_key *key)
{
    struct index *index = data;
    if (index->length + RECORDING_INDEX_SIZE > index->capacity) {
        size_t capacity = index->capacity ? index->capacity * 2 : 64 * RECORDING_INDEX_SIZE;
        char *bytes = capacity > RECORDING_RANGE_MAX ? NULL : realloc(index->bytes, capacity);
        if (!bytes) {
            index->failed = true;
            return;
        }
        index->bytes = bytes;
        index->capacity = capacity;
    }
    recording_key_write(key, (uint8_t *)index->bytes + index->length);
    index->length += RECORDING_INDEX_SIZE;
}

static int read_range(int fd, uint64_t from, char **ret_bytes, size_t *inout_length, uint64_t *ret_size)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    *ret_size = (uint64_t)status.st_size;
    if (from >= *ret_size)
        return -ERANGE;
    size_t length = *inout_length < RECORDING_RANGE_MAX ? *inout_length : RECORDING_RANGE_MAX;
    if (length > *ret_size - from)
        length = (size_t)(*ret_size - from);
    AUTO_FREE char *bytes = malloc(length + 1);
    ssize_t got = bytes ? pread(fd, bytes, length, (off_t)from) : -1;
    if (got <= 0)
        return bytes && got < 0 ? -errno : bytes ? -EIO : -ENOMEM;
    *inout_length = (size_t)got;
    *ret_bytes = steal_pointer(&bytes);
    return 0;
}

// From the stream itself, at some microseconds for each record: nothing is kept that could say otherwise.
static int make_index(int data_fd, char **ret_bytes, size_t *ret_length, uint64_t *ret_size)
{
    struct index index = {0};
    uint64_t end, time_us;
    int error = recording_rebuild(data_fd, add_key, &index, &end, &time_us);
    if (!error) { // the last entry tells where and when it ends
        struct recording_key last = {.time_us = time_us, .offset = end};
        add_key(&index, &last);
    }
    if (!error && index.failed)
        error = -EFBIG;
    if (error) {
        free(index.bytes);
        return error;
    }
    *ret_bytes = index.bytes;
    *ret_length = index.length;
    *ret_size = index.length;
    return 0;
}

int recordings_read(const char *directory, const struct id *account, const struct id *recording,
                    enum recording_part part, uint64_t from, char **ret_bytes, size_t *inout_length,
                    uint64_t *ret_size)
{
    AUTO_FD int account_fd = -1, fd = -1;
    int error = find(directory, account, recording, &account_fd);
    if (!error)
        error = open_stream(account_fd, recording, &fd);
    if (error)
        return error;
    return part == RECORDING_INDEX ? make_index(fd, ret_bytes, inout_length, ret_size)
                                   : read_range(fd, from, ret_bytes, inout_length, ret_size);
}

int recordings_delete(const char *directory, const struct id *account, const struct id *recording)
{
    AUTO_FD int fd = -1;
    char name[NAME_SIZE];
    int error = find(directory, account, recording, &fd);
    if (error)
        return error;
    name_of(recording, name);
    return unlinkat(fd, name, 0) < 0 ? -errno : 0;
}

struct pruning_walk {
    int64_t before;
};

static int prune_one(void *data, int account_fd, const struct id *recording)
{
    const struct pruning_walk *pruning = data;
    char name[NAME_SIZE];
    struct stat status;
    name_of(recording, name);
    if (fstatat(account_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mtime < pruning->before)
        (void)unlinkat(account_fd, name, 0); // again the next time when it fails
    return 0;
}

void recordings_prune(const char *directory, int64_t before)
{
    struct pruning_walk pruning = {before};
    struct walk walk = {directory, prune_one, &pruning};
    (void)each_account(directory, walk_account, &walk);
}
