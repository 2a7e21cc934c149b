#include "backup/retention.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define FORM "sandbox-server-%Y%m%dT%H%M%SZ.backup"
#define DAY 86400
#define MONDAY 3 // days from the epoch's Thursday back to a Monday

void backup_name(int64_t time, char ret_name[static BACKUP_NAME_SIZE])
{
    time_t seconds = time;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(ret_name, BACKUP_NAME_SIZE, FORM, &parts);
}

int backup_name_time(const char *name, int64_t *ret_time)
{
    struct tm parts = {0};
    char again[BACKUP_NAME_SIZE];
    const char *end = strptime(name, FORM, &parts);
    if (!end || *end)
        return -EINVAL;
    int64_t time = timegm(&parts);
    backup_name(time, again); // strptime takes blanks and fewer digits
    if (strcmp(again, name) != 0)
        return -EINVAL;
    *ret_time = time;
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    int64_t left = **(const int64_t *const *)a, right = **(const int64_t *const *)b;
    return (left < right) - (left > right);
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static void keep_newest(const int64_t *const *sorted, size_t count, const int64_t *times, int64_t period,
                        int64_t shift, unsigned most, bool *keep)
{
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < count && most > 0; i++) {
        int64_t number = floor_divide(*sorted[i] + shift, period);
        if (number == last)
            continue;
        last = number;
        most--;
        keep[sorted[i] - times] = true;
    }
}

void retention_choose(const int64_t *times, size_t count, unsigned days, unsigned weeks, bool *keep)
{
    const int64_t *sorted[BACKUPS_MAX];
    count = count < BACKUPS_MAX ? count : BACKUPS_MAX;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &times[i];
        keep[i] = false;
    }
    qsort(sorted, count, sizeof(sorted[0]), newest_first);
    keep_newest(sorted, count, times, DAY, 0, days, keep);
    keep_newest(sorted, count, times, (int64_t)7 * DAY, (int64_t)MONDAY * DAY, weeks, keep);
    if (count > 0)
        keep[sorted[0] - times] = true;
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int read_times(int directory, int64_t *times, size_t *ret_count)
{
    AUTO_FD int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(cleanup_dir) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries)
        return -errno;
    steal_fd(&copy);
    size_t count = 0;
    errno = 0;
    for (struct dirent *entry; count < BACKUPS_MAX && (entry = readdir(entries)); errno = 0) {
        if (backup_name_time(entry->d_name, &times[count]) == 0)
            count++;
    }
    *ret_count = count;
    return -errno;
}

int retention_apply(int directory, unsigned days, unsigned weeks, unsigned *ret_removed)
{
    AUTO_FREE int64_t *times = calloc(BACKUPS_MAX, sizeof(*times));
    AUTO_FREE bool *keep = calloc(BACKUPS_MAX, sizeof(*keep));
    size_t count = 0;
    if (!times || !keep)
        return -ENOMEM;
    int error = read_times(directory, times, &count);
    if (error)
        return error;
    retention_choose(times, count, days, weeks, keep);
    unsigned removed = 0;
    for (size_t i = 0; i < count; i++) {
        char name[BACKUP_NAME_SIZE];
        backup_name(times[i], name);
        if (keep[i])
            continue;
        if (unlinkat(directory, name, 0) < 0)
            return -errno;
        removed++;
    }
    *ret_removed = removed;
    return 0;
}
