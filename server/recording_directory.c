#include "server/recording_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define SUFFIX_MAX 10
#define NAME_SIZE (ID_TEXT_SIZE + SUFFIX_MAX)
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const char suffixes[RECORDING_KIND_COUNT][SUFFIX_MAX] = {
    [RECORDING_STREAM] = ".stream", [RECORDING_MP4] = ".mp4", [RECORDING_MP4_PART] = ".mp4.part"};

static void name_of(const struct id *recording, enum recording_kind kind, char name[static NAME_SIZE])
{
    id_format(recording, name);
    snprintf(name + ID_TEXT_SIZE - 1, SUFFIX_MAX, "%s", suffixes[kind]);
}

static bool parse_name(const char *name, struct recording_entry *entry)
{
    char id[ID_TEXT_SIZE];
    if (strlen(name) < ID_TEXT_SIZE)
        return false;
    memcpy(id, name, ID_TEXT_SIZE - 1);
    id[ID_TEXT_SIZE - 1] = '\0';
    unsigned kind = 0;
    while (kind < RECORDING_KIND_COUNT && strcmp(name + ID_TEXT_SIZE - 1, suffixes[kind]) != 0)
        kind++;
    entry->kind = (enum recording_kind)kind;
    return kind < RECORDING_KIND_COUNT && id_parse(id, &entry->recording) == 0;
}

static void cleanup_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

// Takes the descriptor.
static int read_directory(int fd, DIR **ret_directory)
{
    *ret_directory = fdopendir(fd);
    if (*ret_directory)
        return 0;
    int error = errno;
    close(fd);
    return -error;
}

int recording_directory_account(const char *directory, const struct id *account, bool make, int *ret_fd)
{
    AUTO_FD int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char id[ID_TEXT_SIZE];
    if (root < 0)
        return -errno;
    id_format(account, id);
    // A file that is kept needs a directory that is.
    if (make && (mkdirat(root, id, 0700) < 0 ? errno != EEXIST : fsync(root) < 0))
        return -errno;
    int fd = openat(root, id, OPEN_DIRECTORY);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int each_of_account(int account_fd, const struct id *account,
                           int (*seen)(void *data, const struct recording_entry *entry), void *data)
{
    CLEANUP(cleanup_directory) DIR *names = NULL;
    int copy = openat(account_fd, ".", OPEN_DIRECTORY);
    int result = copy < 0 ? -errno : read_directory(copy, &names);
    for (struct dirent *name; !result && (name = readdir(names));) {
        struct recording_entry entry = {.account = *account, .account_fd = account_fd};
        if (parse_name(name->d_name, &entry))
            result = seen(data, &entry);
    }
    return result;
}

static int each_account(const char *directory, int (*seen)(void *data, const struct id *account), void *data)
{
    CLEANUP(cleanup_directory) DIR *names = opendir(directory);
    if (!names)
        return -errno;
    int result = 0;
    for (struct dirent *name; !result && (name = readdir(names));) {
        struct id account;
        if (id_parse(name->d_name, &account) == 0)
            result = seen(data, &account);
    }
    return result;
}

struct walk {
    const char *directory;
    int (*seen)(void *data, const struct recording_entry *entry);
    void *data;
};

static int walk_account(void *data, const struct id *account)
{
    const struct walk *walk = data;
    AUTO_FD int fd = -1;
    int error = recording_directory_account(walk->directory, account, false, &fd);
    return error == -ENOENT ? 0 : error ? error : each_of_account(fd, account, walk->seen, walk->data);
}

int recording_directory_each(const char *directory, const struct id *account,
                             int (*seen)(void *data, const struct recording_entry *entry), void *data)
{
    struct walk walk = {directory, seen, data};
    return account ? walk_account(&walk, account) : each_account(directory, walk_account, &walk);
}

struct search {
    const char *directory;
    const struct id *recording;
    struct id owner;
    int found; // its account's directory
};

static int look(void *data, const struct id *account)
{
    struct search *search = data;
    AUTO_FD int fd = -1, stream = -1;
    if (recording_directory_account(search->directory, account, false, &fd) < 0 ||
        recording_open(fd, search->recording, RECORDING_STREAM, O_RDONLY, &stream) < 0)
        return 0;
    search->owner = *account;
    search->found = steal_fd(&fd);
    return 1;
}

int recording_directory_find(const char *directory, const struct id *account, const struct id *recording,
                             struct id *ret_owner, int *ret_account_fd)
{
    struct search search = {.directory = directory, .recording = recording, .found = -1};
    int result = account ? look(&search, account) : each_account(directory, look, &search);
    if (result < 0)
        return result;
    if (search.found < 0)
        return -ENOENT;
    *ret_owner = search.owner;
    *ret_account_fd = search.found;
    return 0;
}

struct sum {
    bool parts;
    uint64_t bytes;
};

static int add_size(void *data, const struct recording_entry *entry)
{
    struct sum *sum = data;
    char name[NAME_SIZE];
    struct stat status;
    if (entry->kind == RECORDING_MP4_PART && !sum->parts)
        return 0;
    name_of(&entry->recording, entry->kind, name);
    if (fstatat(entry->account_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        sum->bytes += (uint64_t)status.st_size;
    return 0;
}

int recording_directory_used(const char *directory, const struct id *account, bool parts, uint64_t *ret_bytes)
{
    struct sum sum = {.parts = parts};
    int error = recording_directory_each(directory, account, add_size, &sum);
    if (!error)
        *ret_bytes = sum.bytes;
    return error;
}

int recording_open(int account_fd, const struct id *recording, enum recording_kind kind, int flags,
                   int *ret_fd)
{
    char name[NAME_SIZE];
    name_of(recording, kind, name);
    int fd = openat(account_fd, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int recording_unlink(int account_fd, const struct id *recording, enum recording_kind kind)
{
    char name[NAME_SIZE];
    name_of(recording, kind, name);
    return unlinkat(account_fd, name, 0) < 0 ? -errno : 0;
}

int recording_rename(int account_fd, const struct id *recording, enum recording_kind from,
                     enum recording_kind to)
{
    char old[NAME_SIZE], new[NAME_SIZE];
    name_of(recording, from, old);
    name_of(recording, to, new);
    return renameat(account_fd, old, account_fd, new) < 0 ? -errno : 0;
}
