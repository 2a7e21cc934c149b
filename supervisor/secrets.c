#include "supervisor/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define SECRETS_FILE "secrets.env"
#define UNFINISHED_FILE "secrets.env.new"

enum { SECRET_BYTES = 32 };

static int random_bytes(void *bytes, size_t length)
{
    // Up to 256 bytes come whole once the kernel's generator is seeded: getrandom(2).
    return getrandom(bytes, length, 0) == (ssize_t)length ? 0 : -EIO;
}

static int write_secret(int fd)
{
    static const char digits[] = "0123456789abcdef";
    static const char name[] = "JWT_SECRET=";
    char line[sizeof(name) - 1 + 2 * SECRET_BYTES + 1];
    uint8_t secret[SECRET_BYTES];

    int result = random_bytes(secret, sizeof(secret));
    if (result < 0)
        return result;
    memcpy(line, name, sizeof(name) - 1);
    char *out = line + sizeof(name) - 1;
    for (size_t i = 0; i < sizeof(secret); i++) {
        *out++ = digits[secret[i] >> 4];
        *out++ = digits[secret[i] & 15];
    }
    *out = '\n';
    result = write_all(fd, line, sizeof(line));
    explicit_bzero(line, sizeof(line));
    explicit_bzero(secret, sizeof(secret));
    return result;
}

int secrets_create(int state_fd, uid_t uid, gid_t gid)
{
    if (faccessat(state_fd, SECRETS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (unlinkat(state_fd, UNFINISHED_FILE, 0) < 0 && errno != ENOENT)
        return -errno;
    AUTO_FD int fd =
        openat(state_fd, UNFINISHED_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int result = write_secret(fd);
    if (result < 0)
        return result;
    if (fchown(fd, uid, gid) < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0)
        return -errno;
    if (renameat(state_fd, UNFINISHED_FILE, state_fd, SECRETS_FILE) < 0 || fsync(state_fd) < 0)
        return -errno;
    return 0;
}

int secrets_make_password(char ret_password[PASSWORD_LENGTH + 1])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    const unsigned count = sizeof(letters) - 1;

    for (int i = 0; i < PASSWORD_LENGTH;) {
        uint8_t byte;
        int result = random_bytes(&byte, 1);
        if (result < 0)
            return result;
        if (byte < 256 - 256 % count) // the rest would favour the first letters
            ret_password[i++] = letters[byte % count];
    }
    ret_password[PASSWORD_LENGTH] = '\0';
    return 0;
}
