#include "backup/key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define DIGITS (2 * BACKUP_KEY_SIZE)
#define FILE_MAX 256 // bytes

// The directory's entry has to reach the disk as the file does.
static int sync_parent(const char *path)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof(parent))
        return -ENAMETOOLONG;
    memcpy(parent, path, length);
    parent[length] = '\0';
    AUTO_FD int fd = open(length ? parent : (slash ? "/" : "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int backup_key_make(const char *path)
{
    uint8_t bytes[BACKUP_KEY_SIZE];
    char text[DIGITS + 2];
    if (sodium_init() < 0)
        return -ENOSYS;
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(text, DIGITS + 1, bytes, sizeof(bytes));
    memcpy(text + DIGITS, "\n", 2);
    int error = write_all(fd, text, DIGITS + 1);
    if (!error && fsync(fd) < 0)
        error = -errno;
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(text, sizeof(text));
    if (!error)
        error = sync_parent(path);
    if (error)
        unlink(path);
    return error;
}

int backup_key_parse(struct backup_key *ret_key, const char *text)
{
    struct backup_key key;
    const char *end;
    size_t length;
    if (sodium_init() < 0)
        return -ENOSYS;
    int error = sodium_hex2bin(key.bytes, sizeof(key.bytes), text, strlen(text), NULL, &length, &end) ||
                        length != sizeof(key.bytes) || strspn(end, " \n") != strlen(end)
                    ? -EINVAL
                    : 0;
    static const char context[] = "sandbox-server backup key";
    if (!error && crypto_generichash(key.id, sizeof(key.id), (const uint8_t *)context, sizeof(context) - 1,
                                     key.bytes, sizeof(key.bytes)))
        error = -EINVAL;
    if (!error)
        *ret_key = key;
    backup_key_finish(&key);
    return error;
}

int backup_key_load(struct backup_key *ret_key, const char *path)
{
    struct stat status;
    AUTO_FREE char *text = NULL;
    size_t length;
    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    if ((status.st_mode & 077) || (status.st_uid != 0 && status.st_uid != geteuid()))
        return -EPERM;
    int error = read_file_at(AT_FDCWD, path, FILE_MAX, &text, &length);
    if (error)
        return error == -EFBIG ? -EINVAL : error;
    error = strlen(text) == length ? backup_key_parse(ret_key, text) : -EINVAL;
    sodium_memzero(text, length);
    return error;
}

void backup_key_finish(struct backup_key *key)
{
    sodium_memzero(key, sizeof(*key));
}
