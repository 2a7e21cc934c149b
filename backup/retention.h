#pragma once
// Which backups of a directory stay: the newest of each of so many days and of so many weeks that have one, and the newest of all. The
// rest goes. Days and weeks are those of UTC; a week begins on Monday.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKUP_NAME_SIZE 48 // "sandbox-server-20260102T030405Z.backup" and the NUL
#define BACKUPS_MAX 4096    // of one directory

// The name of a backup made at that time (seconds since the epoch).
void backup_name(int64_t time, char ret_name[static BACKUP_NAME_SIZE]);
// The time in a name; -EINVAL when it is no backup's name.
int backup_name_time(const char *name, int64_t *ret_time);

// Sets keep[i] for each time; any order.
void retention_choose(const int64_t *times, size_t count, unsigned days, unsigned weeks, bool *keep);
// Removes the others from the directory. 0 with their number, or -errno.
int retention_apply(int directory, unsigned days, unsigned weeks, unsigned *ret_removed);
