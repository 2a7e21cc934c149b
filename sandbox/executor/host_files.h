#pragma once
// Which of the host's files a plan shows. A mount shows the file that was there when it was made; ldconfig, dpkg and timedatectl put another one in
// its place, and who has the mount sees the old one for good. What is written into a file shows everywhere.

#include <stdint.h>

#include "sandbox/plan/plan.h"

// One number for all that the plan binds, which is another one when any of it was replaced, came or went. The inode of a file that is mounted
// somewhere stays in use, so its number can't become another file's meanwhile.
uint64_t host_files_identity(const struct plan *plan);

// Has an inotify instance tell whenever that number may have changed. Once more after each change, for the files that are there then. 0, or -errno
// when not all of them are watched.
int host_files_watch(int inotify, const struct plan *plan);
// Forgets what it has told so far. The instance is non-blocking.
void host_files_told(int inotify);
