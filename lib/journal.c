#include "lib/journal.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define ENTRY_MAX 8192
#define NAME_MAX_BYTES 64 // journald's own
#define FIELD_PREFIX "SANDBOX_"

static const int priorities[] = {
    [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARNING] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7};

struct entry {
    char data[ENTRY_MAX];
    size_t length;
};

// Programs inherit JOURNAL_STREAM from their starter, whatever became of their standard error since.
static bool stderr_is_stream(const char *stream)
{
    struct stat status;
    char own[64];
    if (fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(own, stream) == 0;
}

bool journal_open(int *ret_fd)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
    const char *stream = getenv("JOURNAL_STREAM");
    if (!stream || !stderr_is_stream(stream))
        return false;
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return false;
    *ret_fd = steal_fd(&fd);
    return true;
}

static bool append(struct entry *entry, const void *data, size_t length)
{
    if (length > sizeof(entry->data) - entry->length)
        return false;
    memcpy(entry->data + entry->length, data, length);
    entry->length += length;
    return true;
}

// The form with a length, little-endian, in which a value may hold any byte.
static void put(struct entry *entry, const char *name, const char *value)
{
    size_t start = entry->length, length = strlen(value);
    unsigned char size[8];
    for (unsigned i = 0; i < sizeof(size); i++)
        size[i] = (unsigned char)((uint64_t)length >> (8 * i));
    bool whole = append(entry, name, strlen(name)) && append(entry, "\n", 1) &&
                 append(entry, size, sizeof(size)) && append(entry, value, length) && append(entry, "\n", 1);
    if (!whole)
        entry->length = start;
}

static void put_field(struct entry *entry, const struct log_field *field)
{
    char name[NAME_MAX_BYTES + 1];
    snprintf(name, sizeof(name), FIELD_PREFIX "%s", field->key);
    for (char *c = name; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    put(entry, name, field->value ? field->value : "");
}

int journal_send(int fd, const char *program, enum log_level level, const char *text,
                 const struct log_field *fields)
{
    struct entry entry = {.length = 0};
    char priority[4];
    snprintf(priority, sizeof(priority), "%d", priorities[level]);
    put(&entry, "MESSAGE", text);
    put(&entry, "PRIORITY", priority);
    put(&entry, "SYSLOG_IDENTIFIER", program);
    for (; fields->key; fields++)
        put_field(&entry, fields);
    return send(fd, entry.data, entry.length, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
