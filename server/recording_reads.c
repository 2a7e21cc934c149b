// What is read of recordings: lists, parts and indexes.

#include "server/recording_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "server/clock.h"

// The newest ones before a place, in a list that is one longer than the page: whether there are more.
struct selection {
    struct id before;
    unsigned room, count;
    struct {
        struct id account, recording;
    } found[RECORDINGS_PAGE_MAX + 1];
};

// Ids are time-ordered (UUIDv7).
static int compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int select_newest(void *data, const struct recording_entry *entry)
{
    struct selection *s = data;
    bool wanted = entry->kind == RECORDING_STREAM &&
                  (id_is_nil(&s->before) || compare(&entry->recording, &s->before) < 0);
    unsigned place = s->count;
    while (wanted && place > 0 && compare(&s->found[place - 1].recording, &entry->recording) < 0)
        place--;
    if (!wanted || place == s->room)
        return 0;
    unsigned last = s->count < s->room ? s->count++ : s->room - 1;
    memmove(&s->found[place + 1], &s->found[place], (last - place) * sizeof(s->found[0]));
    s->found[place].account = entry->account;
    s->found[place].recording = entry->recording;
    return 0;
}

// NULL: deleted meanwhile, or no recording of ours.
static json_t *describe(const char *directory, const struct id *account, const struct id *recording)
{
    AUTO_FD int account_fd = -1, fd = -1;
    uint8_t bytes[RECORDING_HEADER_SIZE];
    struct recording_header header;
    struct stat status;
    if (recording_directory_account(directory, account, false, &account_fd) < 0 ||
        recording_open(account_fd, recording, RECORDING_STREAM, O_RDONLY, &fd) < 0 ||
        fstat(fd, &status) < 0 || pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes) ||
        recording_header_read(bytes, &header) < 0)
        return NULL;
    char id[ID_TEXT_SIZE], sandbox[ID_TEXT_SIZE], owner[ID_TEXT_SIZE];
    id_format(recording, id);
    id_format(&header.sandbox, sandbox);
    id_format(account, owner);
    int64_t changed_us = (int64_t)status.st_mtim.tv_sec * SECOND_US + status.st_mtim.tv_nsec / 1000;
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "id", id, "sandbox", sandbox, "account", owner,
                     "started_us", (json_int_t)header.started_us, "changed_us", (json_int_t)changed_us,
                     "bytes", (json_int_t)status.st_size);
}

int recordings_list(const char *directory, const struct id *account, const struct id *before, unsigned limit,
                    struct recordings_page *ret_page)
{
    AUTO_FREE struct selection *selection = calloc(1, sizeof(*selection));
    struct recordings_page page = {.items = json_array()};
    if (!selection || !page.items) {
        json_decref(page.items);
        return -ENOMEM;
    }
    selection->before = *before;
    selection->room = limit + 1;
    int error = recording_directory_each(directory, account, select_newest, selection);
    if (error && error != -ENOENT) {
        json_decref(page.items);
        return error;
    }
    bool more = selection->count > limit;
    for (unsigned i = 0; i < selection->count - more; i++) {
        json_t *item = describe(directory, &selection->found[i].account, &selection->found[i].recording);
        if (item)
            json_array_append_new(page.items, item);
    }
    if (more)
        page.next = selection->found[limit - 1].recording;
    *ret_page = page;
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
static int make_index(int data_fd, char **ret_bytes, size_t *ret_length)
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
    return 0;
}

static int open_found(const char *directory, const struct id *account, const struct id *recording,
                      enum recording_kind kind, int *ret_fd)
{
    AUTO_FD int account_fd = -1;
    struct id owner;
    int error = recording_directory_find(directory, account, recording, &owner, &account_fd);
    return error ? error : recording_open(account_fd, recording, kind, O_RDONLY, ret_fd);
}

int recordings_read(const char *directory, const struct id *account, const struct id *recording,
                    enum recording_kind kind, uint64_t from, char **ret_bytes, size_t *inout_length,
                    uint64_t *ret_size)
{
    AUTO_FD int fd = -1;
    int error = open_found(directory, account, recording, kind, &fd);
    return error ? error : read_range(fd, from, ret_bytes, inout_length, ret_size);
}

int recordings_index(const char *directory, const struct id *account, const struct id *recording,
                     char **ret_bytes, size_t *ret_length)
{
    AUTO_FD int fd = -1;
    int error = open_found(directory, account, recording, RECORDING_STREAM, &fd);
    return error ? error : make_index(fd, ret_bytes, ret_length);
}
