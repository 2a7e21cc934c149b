#pragma once
// Reading homes into an archive. Whoever lives there may change everything meanwhile and has left what they like: no step
// follows a link or crosses a mount, nothing but a regular file or a directory is opened, and every quantity has an end.

#include <archive.h>
#include <stdint.h>

#include "backup/member.h"
#include "lib/ids.h"

// What was left out, and why.
enum homes_left {
    LEFT_SPECIAL, // sockets, pipes and devices: what stands for a process that will not be there
    LEFT_FOREIGN, // belongs to none of the home's uids
    LEFT_MOUNT,   // another file system
    LEFT_DEEP,    // deeper than MEMBER_DEPTH_MAX, or of a longer path than MEMBER_PATH_MAX
    LEFT_LINKS,   // further names of files when there were too many to remember
    LEFT_GONE,    // removed or replaced while it was looked at
    LEFT_UNREADABLE,
    LEFT_COUNT,
};

struct homes_count {
    uint64_t homes, directories, files, symlinks, hard_links;
    uint64_t bytes;   // of data; holes are not
    uint64_t changed; // files that shrank while they were read: zeros stand for what was gone
    uint64_t left[LEFT_COUNT];
};

struct homes_reader {
    struct archive *archive; // to write to
    int storage;
    uint64_t uid_base; // of sandboxes, and how many there are
    uint64_t uid_count;
    struct homes_count *count;
};

// Archives the home of an account whose number is given; its files are recorded with that number as their owner. A home that
// there is not is no failure. 0, or -errno when the archive can't be written: what can't be read is counted.
int homes_read(struct homes_reader *reader, const struct id *home, uint32_t number);

const char *homes_left_name(enum homes_left left);
